// SPDX-License-Identifier: MIT
// The end of a native session. The closer's bytes are delivered first, then CLOSE is repeated until
// CLOSE_ACK. A side that is closing itself, and has bytes under way, delivers them before it
// answers: when both sides close at once, both sides' bytes arrive.
#include "nativeprotocol_p.h"

#include <algorithm>

namespace kcpnet {

using State = Session::State;

void NativeProtocol::close(kcp::Instant now, std::uint32_t code, std::string_view text)
{
    m_closing = std::make_unique<Closing>();
    m_closing->code = std::min(code, FirstReservedCloseCode - 1);
    const std::size_t room = std::max<std::size_t>(
            std::min<std::size_t>(m_session.engine().config().mtu, HandshakeMtu),
            CloseFrame::HeadSize);
    m_closing->text =
            validUtf8(text, std::min(CloseFrame::MaximumText, room - CloseFrame::HeadSize));
    const kcp::Duration linger = m_session.config().lingerTime;
    if (!hasKeys() && m_session.engine().isSendIdle()) {
        m_session.finish(CloseReason::LocalClose); // nobody has heard of us
    } else if (linger <= kcp::Duration::zero()) {
        if (isDelivered()) {
            sendLastWords(m_closing->code);
            m_session.finish(CloseReason::LocalClose);
        } else {
            sendLastWords(CloseCodeAbort);
            m_session.finish(CloseReason::LingerTimeout);
        }
    } else {
        m_closing->lingerDeadline = now + linger;
    }
}

void NativeProtocol::sendAbort()
{
    sendLastWords(CloseCodeAbort);
}

void NativeProtocol::breakOff()
{
    sendLastWords(CloseCodeMessageSize);
    m_session.finish(CloseReason::ProtocolError, Refusal::None, CloseCodeMessageSize);
}

void NativeProtocol::sendLastWords(std::uint32_t code)
{
    if (!hasKeys())
        return;
    m_lastWords = code;
    CloseFrame frame;
    frame.conv = m_session.conversation();
    frame.tag = ownTag();
    frame.code = code;
    m_session.context().reply(m_session.path(), frame);
}

void NativeProtocol::sendCloseAck()
{
    ShortFrame frame;
    frame.conv = m_session.conversation();
    frame.type = FrameType::CloseAck;
    frame.bytes = ownTag();
    m_session.context().reply(m_session.path(), frame);
}

bool NativeProtocol::isDelivered() const
{
    return isEstablished() && m_session.engine().isSendIdle();
}

// Silence at the end of a close is no loss: everything was acknowledged before CLOSE left.
void NativeProtocol::finishUnanswered(CloseReason reason)
{
    m_session.finish(m_closing && m_closing->sent ? CloseReason::LocalClose : reason);
}

void NativeProtocol::handleClose(kcp::Instant now, const Path &path, const CloseFrame &frame)
{
    if (!isAuthentic(now, path, frame.tag))
        return;
    if (m_session.state() == State::Closed)
        return;
    std::string text = validUtf8(frame.text, CloseFrame::MaximumText);
    if (frame.code >= FirstReservedCloseCode) {
        m_session.raise(Event::Type::PeerFinished);
        m_session.finish(CloseReason::RemoteAbort, Refusal::None, frame.code, std::move(text));
        return;
    }
    if (m_unconfirmed)
        noteConfirmed();
    if (m_closing && isEstablished() && !m_session.engine().isSendIdle()) {
        if (!m_closing->peerClosed)
            m_session.raise(Event::Type::PeerFinished);
        m_closing->peerClosed = true;
        return;
    }
    sendCloseAck();
    m_session.raise(Event::Type::PeerFinished);
    m_session.finish(m_closing ? CloseReason::LocalClose : CloseReason::RemoteClose, Refusal::None,
                     frame.code, std::move(text));
}

void NativeProtocol::handleCloseAck(kcp::Instant now, const Path &path, const Tag &tag)
{
    if (!isAuthentic(now, path, tag))
        return;
    if (m_closing && m_closing->sent)
        m_session.finish(CloseReason::LocalClose);
    else
        reject();
}

void NativeProtocol::handleClosingTimeout(kcp::Instant now)
{
    if (now >= lenient(m_closing->lingerDeadline, m_session.context().thaw)) {
        if (!m_closing->sent)
            sendLastWords(CloseCodeAbort);
        finishUnanswered(CloseReason::LingerTimeout);
    } else if (m_closing->sent && now >= m_closing->retry) {
        m_closing->due = true;
        m_session.markDirty();
    }
}

// To be called when nothing else is to be sent.
std::size_t NativeProtocol::pollClosing(kcp::Instant now, kcp::MutableBytes buffer)
{
    if (!m_closing->due || !isDelivered())
        return 0;
    if (m_closing->peerClosed) {
        sendCloseAck();
        m_session.finish(CloseReason::LocalClose);
        return 0;
    }
    if (!m_closing->sent) {
        m_closing->sent = true;
        m_closing->delay = std::clamp(2 * m_session.engine().rtt().rto(), ShortestCloseRetry,
                                      LongestCloseRetry);
    } else {
        m_closing->delay = std::min(2 * m_closing->delay, LongestCloseRetry);
    }
    m_closing->due = false;
    m_closing->retry = now + m_closing->delay;
    CloseFrame frame;
    frame.conv = m_session.conversation();
    frame.tag = ownTag();
    frame.code = m_closing->code;
    frame.text = m_closing->text;
    return frame.write(buffer);
}

} // namespace kcpnet
