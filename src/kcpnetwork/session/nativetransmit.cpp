// SPDX-License-Identifier: MIT
// What a native session sends: control frames first, each a datagram; then unreliable datagrams;
// then segments, behind CONFIRM or ACCEPT as long as the handshake lasts; last CLOSE.
#include "nativeprotocol_p.h"

#include <algorithm>

namespace kcpnet {

std::size_t NativeProtocol::pollTransmit(kcp::Instant now, kcp::MutableBytes buffer)
{
    std::size_t size = 0;
    if (m_due != 0) [[unlikely]] {
        size = pollControl(buffer);
        if (size > 0)
            return size;
    }
    if (isSayingHello())
        return 0;
    if (isEstablished()) {
        size = pollDatagram(buffer);
        if (size > 0)
            return size;
    }
    size = pollSegments(now, buffer);
    if (size == 0 && m_closing)
        size = pollClosing(now, buffer);
    return size;
}

kcp::Instant NativeProtocol::deadline() const
{
    const kcp::Instant thaw = m_session.context().thaw;
    kcp::Instant result = isSayingHello() ? kcp::Never : m_session.engine().pollTimeout();
    if (m_closing) {
        result = std::min(result, lenient(m_closing->lingerDeadline, thaw));
        if (m_closing->sent)
            result = std::min(result, m_closing->retry);
    }
    if (m_handshake)
        return std::min({ result, m_handshake->retry, lenient(m_handshake->deadline, thaw) });
    if (m_mobility)
        result = std::min({ result, m_mobility->acceptDeadline, m_mobility->rebindDeadline });
    return std::min(result, m_liveness.deadline(limits()));
}

std::size_t NativeProtocol::pollControl(kcp::MutableBytes buffer)
{
    const auto take = [this](Due frame) {
        const bool due = (m_due & frame) != 0;
        m_due &= static_cast<std::uint8_t>(~frame);
        return due;
    };
    if (take(DueHello)) {
        HelloFrame frame;
        frame.nonce = m_nonce;
        frame.mode = static_cast<std::uint8_t>(m_session.config().mode);
        return frame.write(buffer);
    }
    if (take(DueResponse)) {
        ShortFrame frame;
        frame.conv = m_session.conversation();
        frame.type = FrameType::PathResponse;
        frame.bytes =
                makePathResponse(m_session.context().crypto, m_keys.pathKey, mobility().challenge);
        return frame.write(buffer);
    }
    if (take(DuePong))
        return writePing(buffer, FrameType::Pong, m_pingHeard);
    if (take(DuePing))
        return writePing(buffer, FrameType::Ping, ++m_pingSequence);
    // Before the client is known to have heard one, ACCEPT leads the segments: pollSegments().
    if (!m_unconfirmed && take(DueAccept))
        return writeAccept(buffer);
    return 0;
}

std::size_t NativeProtocol::pollSegments(kcp::Instant now, kcp::MutableBytes buffer)
{
    if (isEstablished() && !m_unconfirmed) [[likely]]
        return m_session.pollEngine(now, buffer);
    const std::size_t head = m_handshake ? ConfirmFrame::Size : AcceptFrame::Size;
    const std::size_t size = m_session.pollEngine(now, buffer.subspan(head));
    const std::uint8_t due = m_handshake ? DueConfirm : DueAccept;
    if (size == 0 && !(m_due & due))
        return 0;
    m_due &= static_cast<std::uint8_t>(~due);
    return size + (m_handshake ? writeConfirm(buffer) : writeAccept(buffer));
}

std::size_t NativeProtocol::pollDatagram(kcp::MutableBytes buffer)
{
    while (const std::vector<std::uint8_t> *payload = m_session.nextDatagram()) {
        // The MTU may have shrunk since it was queued: unreliable means that it may be dropped.
        const bool fits = payload->size() <= maximumDatagramSize();
        std::size_t size = 0;
        if (fits) {
            DatagramFrame frame;
            frame.conv = m_session.conversation();
            frame.tag = ownTag();
            frame.sequence = ++m_datagramSequence;
            frame.payload = *payload;
            size = frame.write(buffer);
        }
        m_session.dropDatagram(fits);
        if (size > 0)
            return size;
    }
    return 0;
}

std::size_t NativeProtocol::writeConfirm(kcp::MutableBytes buffer)
{
    ConfirmFrame frame;
    frame.conv = m_session.conversation();
    frame.nonce = m_nonce;
    frame.issued = m_issued;
    frame.cookie = m_handshake->cookie;
    frame.parameters = ownParameters();
    return frame.write(buffer);
}

std::size_t NativeProtocol::writeAccept(kcp::MutableBytes buffer)
{
    const SessionContext &context = m_session.context();
    AcceptFrame frame;
    frame.conv = m_session.conversation();
    frame.tag = ownTag();
    frame.nonce = m_nonce;
    frame.parameters = ownParameters();
    frame.resetToken =
            makeResetToken(context.crypto, context.resetKey, frame.conv, m_session.path().peer);
    return frame.write(buffer);
}

std::size_t NativeProtocol::writePing(kcp::MutableBytes buffer, FrameType type,
                                      std::uint32_t sequence) const
{
    PingFrame frame;
    frame.conv = m_session.conversation();
    frame.type = type;
    frame.tag = ownTag();
    frame.sequence = sequence;
    return frame.write(buffer);
}

Parameters NativeProtocol::ownParameters() const
{
    const SessionConfig &config = m_session.config();
    Parameters parameters;
    parameters.mtu = static_cast<std::uint16_t>(config.engine.mtu);
    parameters.window = static_cast<std::uint16_t>(config.engine.receiveWindow);
    parameters.mode = static_cast<std::uint8_t>(config.mode);
    parameters.maximumMessageSize = config.maximumMessageSize;
    return parameters;
}

} // namespace kcpnet
