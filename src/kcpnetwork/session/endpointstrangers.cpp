// SPDX-License-Identifier: MIT
// Datagrams that belong to no session: what they may cause.
#include "endpoint_p.h"
#include "nativeprotocol.h"
#include "plainprotocol.h"

#include <kcp/wire.h>

namespace kcpnet {

namespace {

// What the segments of a stranger's datagram say about the conversation.
struct FirstWords
{
    bool opens = false; // data that can be the first of a conversation
    bool asks = false; // WASK of a conversation that has received nothing
    std::uint32_t conv = 0;
};

// Answers a WASK of a conversation that does not exist, as KCP would if it did.
struct WindowTell
{
    std::uint32_t conv;
    std::uint32_t window;

    std::size_t write(kcp::MutableBytes buffer) const
    {
        kcp::SegmentHeader header;
        header.conv = conv;
        header.command = kcp::Command::WindowTell;
        header.window = static_cast<std::uint16_t>(window);
        kcp::writeHeader(buffer.data(), header, 0);
        return kcp::HeaderSize;
    }
};

FirstWords firstWords(kcp::ByteView datagram, std::uint32_t window)
{
    FirstWords words;
    words.conv = kcp::peekConversation(datagram).value_or(0);
    kcp::SegmentView segment;
    // Bounded by the datagram: every segment takes at least its header.
    while (kcp::parseSegment(words.conv, datagram, segment) == kcp::ParseError::None) {
        // Whoever has received something has a conversation already, with someone else.
        if (segment.header.una != 0)
            return { false, false, words.conv };
        if (segment.header.command == kcp::Command::Push && segment.header.sn < window)
            words.opens = true;
        else if (segment.header.command == kcp::Command::WindowAsk)
            words.asks = true;
        else
            return { false, false, words.conv };
    }
    return words;
}

} // namespace

void Endpoint::Private::handleStrangeSegments(kcp::Instant now, const Path &path,
                                              kcp::ByteView datagram)
{
    if (!kcp::startsWithSegment(datagram)) {
        ++context.stats.malformedIn;
        return;
    }
    if (policy.accepts(Profile::PlainKcp) && acceptPlain(now, path, datagram))
        return;
    ++context.stats.unknownConversationIn;
    reset(now, path, *kcp::peekConversation(datagram));
}

void Endpoint::Private::handleStrangeFrame(kcp::Instant now, const Path &path, const Frame &frame)
{
    if (frame.type == FrameType::Hello && policy.accepts(Profile::Native))
        return handleHello(now, path, frame);
    if (frame.type == FrameType::Confirm && policy.accepts(Profile::Native))
        return handleConfirm(now, path, frame);
    ++context.stats.unknownConversationIn;
    if (frame.type == FrameType::Ping && PingFrame::parse(frame.datagram)) {
        reset(now, path, frame.conv);
    } else if (frame.type == FrameType::Close) {
        // Our CLOSE_ACK was lost. From elsewhere it may be a replay, which is to learn no tag.
        const Tombstone *tombstone = tombstones.find(now, { path.peer, frame.conv });
        if (!tombstone)
            tombstone = tombstones.find(now, { Address(), frame.conv });
        const auto close = CloseFrame::parse(frame.datagram);
        if (!tombstone || !close || tombstone->peer != path.peer
            || !Crypto::equal(close->tag, tombstone->peerTag)
            || !context.mayReply(now, context.acquaintances))
            return;
        ShortFrame answer;
        answer.conv = frame.conv;
        answer.bytes = tombstone->ownTag;
        context.reply(path, answer);
    }
}

// True when the datagram was for a conversation that exists now, or was answered.
bool Endpoint::Private::acceptPlain(kcp::Instant now, const Path &path, kcp::ByteView datagram)
{
    const SharedConfig &config = policy.sessionConfig(Profile::PlainKcp);
    const FirstWords words = firstWords(datagram, config->engine.receiveWindow);
    const PeerKey key{ path.peer, words.conv };
    if (!words.opens && !words.asks)
        return false;
    // Late segments revive nothing, a native session neither: that one is buried without address.
    if (tombstones.find(now, key) || tombstones.find(now, { Address(), words.conv }))
        return false;
    if (policy.check(path.peer) != Refusal::None) {
        ++context.stats.refused;
        return true;
    }
    if (!words.opens) {
        if (context.mayReply(now, context.handshakes))
            context.reply(path, WindowTell{ words.conv, config->engine.receiveWindow });
        return true;
    }
    kcp::Config engine = config->engine;
    engine.conv = words.conv;
    Session &session = create(Session::Role::Server, config, path, engine);
    session.setProtocol(std::make_unique<PlainProtocol>(session, now));
    enlist(session, Registration::Peer);
    policy.add(path.peer);
    ++context.stats.accepted;
    session.raise(Event::Type::Accepted);
    session.protocol().handleSegments(now, path, datagram);
    return true;
}

// --- native -----------------------------------------------------------------------------------

// Keeps nothing. The answer is smaller than HELLO, whatever it is.
void Endpoint::Private::handleHello(kcp::Instant now, const Path &path, const Frame &frame)
{
    const auto hello = HelloFrame::parse(frame.datagram);
    if (!hello) {
        ++context.stats.malformedIn;
        return;
    }
    if (frame.version != ProtocolVersion)
        return refuse(now, path, hello->nonce, Refusal::Version);
    // Someone who has confirmed, but not heard ACCEPT, begins again: there is a session already.
    const NonceKey key{ path.peer, nonceBase(hello->nonce), Session::Role::Server };
    if (key.base != 0) {
        if (Session *session = find(key)) {
            session->protocol().repeatAccept();
            return;
        }
    }
    if (const Tombstone *ended = tombstones.findByNonce(now, path.peer, key.base))
        return repeatLastWords(now, path, *ended);
    const Refusal refusal = policy.check(path.peer);
    if (refusal != Refusal::None)
        return refuse(now, path, hello->nonce, refusal);
    if (hello->mode != static_cast<std::uint8_t>(policy.config().session.mode))
        return refuse(now, path, hello->nonce, Refusal::Mode);
    if (!context.mayReply(now, context.handshakes))
        return;
    CookieFrame answer;
    answer.nonce = hello->nonce;
    answer.conv = freshConversation(now, path.peer);
    answer.issued = cookies.issueTime(now);
    answer.cookie = cookies.make(now, path, answer.nonce, answer.conv, answer.issued);
    context.reply(path, answer);
}

// A session was accepted, heard and ended, and none of what we said has arrived: a client that knew
// nothing of it would begin again, and its first words would be heard twice.
void Endpoint::Private::repeatLastWords(kcp::Instant now, const Path &path,
                                        const Tombstone &tombstone)
{
    ++context.stats.rejectedIn;
    if (tombstone.peer != path.peer || !context.mayReply(now, context.acquaintances))
        return;
    CloseFrame answer;
    answer.conv = tombstone.key.conv;
    answer.tag = tombstone.ownTag;
    answer.code = tombstone.closeCode;
    context.reply(path, answer);
}

void Endpoint::Private::refuse(kcp::Instant now, const Path &path, std::uint64_t nonce,
                               Refusal reason)
{
    ++context.stats.refused;
    if (!context.mayReply(now, context.handshakes))
        return;
    RefuseFrame answer;
    answer.nonce = nonce;
    answer.reason = static_cast<std::uint16_t>(reason);
    context.reply(path, answer);
}

// A conv is a random number; the chance that one is taken, or was a moment ago, is that of
// connections in 2^32.
std::uint32_t Endpoint::Private::freshConversation(kcp::Instant now, const Address &peer)
{
    std::uint32_t conv = 0;
    while (conv == 0 || find(peer, conv) || tombstones.find(now, { peer, conv })
           || tombstones.find(now, { Address(), conv })) {
        std::array<std::uint8_t, 4> bytes;
        context.crypto.entropy(bytes);
        conv = kcp::loadLittleEndian<std::uint32_t>(bytes.data());
    }
    return conv;
}

// CONFIRM of a conversation that does not live here (any more).
void Endpoint::Private::handleConfirm(kcp::Instant now, const Path &path, const Frame &frame)
{
    const auto confirm = ConfirmFrame::parse(frame.datagram);
    if (!confirm) {
        ++context.stats.malformedIn;
        return;
    }
    if (const Tombstone *ended = tombstones.find(now, { Address(), confirm->conv }))
        return repeatLastWords(now, path, *ended);
    if (!isFresh(now, path, *confirm)) {
        ++context.stats.rejectedIn;
        return refuse(now, path, confirm->nonce, Refusal::CookieExpired);
    }
    Refusal refusal = policy.check(path.peer);
    if (confirm->parameters.mode != static_cast<std::uint8_t>(policy.config().session.mode))
        refusal = Refusal::Mode;
    if (refusal != Refusal::None)
        return refuse(now, path, confirm->nonce, refusal);
    acceptNative(now, path, *confirm);
}

// A cookie that is not ours is answered like one that is too old: the secret of a server that was
// restarted is lost, and its clients shall begin again at once.
bool Endpoint::Private::isFresh(kcp::Instant now, const Path &path, const ConfirmFrame &confirm)
{
    if (cookies.check(now, path, confirm) != CookieJar::Check::Valid)
        return false;
    return !tombstones.hasForgotten(now)
            || kcp::serialLess(tombstones.newestForgotten(), confirm.issued);
}

void Endpoint::Private::acceptNative(kcp::Instant now, const Path &path,
                                     const ConfirmFrame &confirm)
{
    // A CONFIRM that was overtaken by the HELLO of the next attempt made a session that its client
    // has given up.
    const NonceKey key{ path.peer, nonceBase(confirm.nonce), Session::Role::Server };
    if (Session *abandoned = find(key))
        abandoned->finish(CloseReason::RemoteAbort);
    settle(now);

    const SharedConfig &config = policy.sessionConfig(Profile::Native);
    kcp::Config engine = NativeProtocol::handshakeEngine(*config, Session::Role::Server);
    engine.conv = confirm.conv;
    Session &session = create(Session::Role::Server, config, path, engine);
    NativeProtocol::Accepted accepted;
    accepted.keys = deriveKeys(context.crypto, confirm.cookie);
    accepted.nonce = confirm.nonce;
    accepted.issued = confirm.issued;
    accepted.peer = confirm.parameters;
    session.setProtocol(std::make_unique<NativeProtocol>(session, now, accepted));
    if (config->mode == Mode::Message)
        session.useMessageFramer();
    enlist(session, Registration::Conversation);
    setNonce(slots[session.id().index], key.base);
    policy.add(path.peer);
    ++context.stats.accepted;
    session.raise(Event::Type::Accepted);
    if (!confirm.segments.empty())
        session.handleSegments(now, confirm.segments);
}

// Tells a client that what it talks about is unknown here. Only the client of that conversation at
// that address knows the token, so nobody else minds.
void Endpoint::Private::reset(kcp::Instant now, const Path &path, std::uint32_t conv)
{
    if (!policy.accepts(Profile::Native) || !context.mayReply(now, context.notices))
        return;
    ResetFrame answer;
    answer.conv = conv;
    answer.token = makeResetToken(context.crypto, context.resetKey, conv, path.peer);
    context.reply(path, answer);
}

} // namespace kcpnet
