// SPDX-License-Identifier: MIT
// An endpoint of the module with real cryptography and a virtual clock, and opposite of it a peer
// made by hand from the protocol page alone: it reads frames with the page's offsets, builds them
// with the test's encoder and derives the keys with the page's table.
#ifndef HANDPEER_H
#define HANDPEER_H

#include "endpoint.h"
#include "frameencoder.h"
#include "kcpcrypto_p.h"
#include "session.h"

using namespace std::chrono_literals;

// The module's cryptography, with the secrets that it has drawn.
class RecordingCrypto final : public kcpnet::Crypto
{
public:
    Digest mac(kcp::ByteView key, kcp::ByteView label, kcp::ByteView data) override
    {
        return m_crypto.mac(key, label, data);
    }
    void entropy(kcp::MutableBytes buffer) override
    {
        m_crypto.entropy(buffer);
        drawn.append(QByteArray(reinterpret_cast<const char *>(buffer.data()),
                                qsizetype(buffer.size())));
    }

    QList<QByteArray> drawn;

private:
    KcpCrypto m_crypto;
};

inline kcp::ByteView bytesOf(const QByteArray &bytes)
{
    return kcp::asBytes(bytes.constData(), std::size_t(bytes.size()));
}

inline kcpnet::Address hostAddress(quint8 host, quint16 port)
{
    return kcpnet::Address::fromIPv4(0x0a000000U + host, port);
}

// As the page has it: 16 bytes, IPv4 mapped.
inline QByteArray pageIp(quint8 host)
{
    return QByteArray(10, '\0') + QByteArray("\xff\xff\x0a\0\0", 5) + char(host);
}

struct Bench
{
    struct Sent
    {
        QByteArray data;
        kcpnet::Path path;
        kcp::Instant time;
        quint8 type() const { return quint8(data.at(4)); }
    };
    static constexpr quint8 ModuleHost = 1;
    static constexpr quint16 ModulePort = 7000;
    static constexpr quint8 HandHost = 2;
    static constexpr quint16 HandPort = 40000;

    kcpnet::Path path(quint8 host = HandHost, quint16 port = HandPort) const
    {
        return { hostAddress(ModuleHost, ModulePort), hostAddress(host, port) };
    }

    void in(const QByteArray &datagram) { endpoint.handleDatagram(now, path(), bytesOf(datagram)); }
    void inFrom(quint8 host, quint16 port, const QByteArray &datagram)
    {
        endpoint.handleDatagram(now, path(host, port), bytesOf(datagram));
    }

    void flush()
    {
        std::vector<std::uint8_t> buffer(endpoint.maximumTransmitSize());
        kcpnet::Path to;
        while (const std::size_t size = endpoint.pollTransmit(now, buffer, to))
            sent.append(
                    { QByteArray(reinterpret_cast<const char *>(buffer.data()), qsizetype(size)),
                      to, now });
        kcpnet::Event event;
        while (endpoint.pollEvent(event))
            events.append(event);
    }

    // Goes on by this much time, or until the condition holds; what is sent is collected.
    template <typename Condition>
    bool advance(kcp::Duration time, Condition until)
    {
        const kcp::Instant end = now + time;
        flush();
        while (!until() && endpoint.pollTimeout() <= end) {
            now = std::max(now, endpoint.pollTimeout());
            endpoint.handleTimeout(now);
            if (until())
                return true;
            flush();
        }
        if (until())
            return true;
        now = end;
        return false;
    }
    void advance(kcp::Duration time)
    {
        advance(time, [] { return false; });
    }

    // The oldest datagram of this type that was not taken yet; empty when there is none.
    QByteArray take(const char *frame)
    {
        flush();
        const int type = ProtocolPage::instance().frame(QLatin1String(frame)).type;
        for (qsizetype i = 0; i < sent.size(); ++i) {
            if (sent[i].type() == type)
                return sent.takeAt(i).data;
        }
        return {};
    }
    QByteArray takeSegments()
    {
        flush();
        for (qsizetype i = 0; i < sent.size(); ++i) {
            if (sent[i].type() >= 81 && sent[i].type() <= 84)
                return sent.takeAt(i).data;
        }
        return {};
    }

    const kcpnet::Event *find(kcpnet::Event::Type type)
    {
        flush();
        for (const kcpnet::Event &event : std::as_const(events)) {
            if (event.type == type)
                return &event;
        }
        return nullptr;
    }

    QByteArray readAll(kcpnet::SessionId id)
    {
        QByteArray text(4096, '\0');
        text.truncate(qsizetype(endpoint.read(
                id, { reinterpret_cast<std::uint8_t *>(text.data()), std::size_t(text.size()) })));
        return text;
    }

    RecordingCrypto crypto;
    kcp::Instant now = kcp::instantFromMicroseconds(1'000'000'000);
    kcpnet::Endpoint endpoint{ &crypto, 1 };
    QList<Sent> sent;
    QList<kcpnet::Event> events;
};

inline quint64 fieldOf(const QByteArray &datagram, const char *field)
{
    const FrameSpec *spec = ProtocolPage::instance().frameOfType(quint8(datagram.at(4)));
    return (spec ? *spec : ProtocolPage::instance().segment())
            .number(datagram, QLatin1String(field));
}

inline QByteArray bytesOfField(const QByteArray &datagram, const char *field)
{
    const FrameSpec *spec = ProtocolPage::instance().frameOfType(quint8(datagram.at(4)));
    return (spec ? *spec : ProtocolPage::instance().segment())
            .bytes(datagram, QLatin1String(field));
}

// What either side knows of a session.
struct HandSession
{
    void deriveKeys()
    {
        const ProtocolPage &page = ProtocolPage::instance();
        const QHash<QString, QByteArray> values{ { QStringLiteral("cookie"), cookie } };
        tagC = page.derive(QStringLiteral("tagC"), values);
        tagS = page.derive(QStringLiteral("tagS"), values);
        pathKey = page.derive(QStringLiteral("pathKey"), values);
    }

    quint32 conv = 0;
    quint64 nonce = 0x0102030405060701;
    quint32 issued = 0;
    QByteArray cookie;
    QByteArray tagC;
    QByteArray tagS;
    QByteArray pathKey;
    QByteArray resetToken;
    EncodedParameters parameters;
};

// A client by hand, of a server that is the module's.
struct HandClient : HandSession
{
    explicit HandClient(Bench &bench) : server(bench) { }

    // HELLO and what comes back. False when it is no COOKIE.
    bool sayHello()
    {
        server.in(encode::hello(nonce, parameters.mode));
        const QByteArray answer = server.take("COOKIE");
        if (answer.isEmpty() || fieldOf(answer, "clientNonce") != nonce)
            return false;
        conv = quint32(fieldOf(answer, "newConv"));
        issued = quint32(fieldOf(answer, "issued"));
        cookie = bytesOfField(answer, "cookie");
        deriveKeys();
        return true;
    }
    QByteArray confirm(const QByteArray &segments = {}) const
    {
        return encode::confirm(conv, nonce, issued, cookie, parameters, segments);
    }
    bool takeAccept()
    {
        accept = server.take("ACCEPT");
        if (accept.isEmpty() || bytesOfField(accept, "tag") != tagS)
            return false;
        resetToken = bytesOfField(accept, "resetToken");
        return true;
    }
    bool connect(const QByteArray &segments = {})
    {
        if (!sayHello())
            return false;
        server.in(confirm(segments));
        return takeAccept();
    }

    Bench &server;
    QByteArray accept; // the newest one
};

// A server by hand, of a client that is the module's.
struct HandServer : HandSession
{
    explicit HandServer(Bench &bench) : client(bench)
    {
        conv = 0xc0ffee01;
        issued = 4711;
        cookie = QByteArray(32, 'c');
        resetToken = QByteArray(16, 'r');
        deriveKeys();
    }

    bool takeHello()
    {
        hello = client.take("HELLO");
        if (hello.isEmpty())
            return false;
        nonce = fieldOf(hello, "clientNonce");
        return true;
    }
    void giveCookie() { client.in(encode::cookie(nonce, conv, issued, cookie)); }
    bool takeConfirm()
    {
        confirm = client.take("CONFIRM");
        return !confirm.isEmpty() && fieldOf(confirm, "conv") == conv
                && bytesOfField(confirm, "cookie") == cookie && fieldOf(confirm, "issued") == issued
                && fieldOf(confirm, "clientNonce") == nonce;
    }
    void giveAccept(const QByteArray &segments = {})
    {
        client.in(encode::accept(conv, tagS, nonce, parameters, resetToken, segments));
    }
    bool accept()
    {
        if (!takeHello())
            return false;
        giveCookie();
        if (!takeConfirm())
            return false;
        giveAccept();
        client.flush();
        return true;
    }

    Bench &client;
    QByteArray hello;
    QByteArray confirm; // the newest ones
};

#endif // HANDPEER_H
