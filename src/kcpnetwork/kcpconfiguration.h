// SPDX-License-Identifier: MIT
#ifndef KCPCONFIGURATION_H
#define KCPCONFIGURATION_H

#include <QtKcpNetwork/qtkcpnetworkglobal.h>

#include <QtCore/qmetatype.h>
#include <QtCore/qobjectdefs.h>
#include <QtCore/qshareddata.h>

#include <chrono>

QT_BEGIN_NAMESPACE
class QDebug;
QT_END_NAMESPACE

class KcpConfigurationPrivate;

class Q_KCPNETWORK_EXPORT KcpConfiguration
{
    Q_GADGET
public:
    enum Preset { Default, Normal, Fast, Adaptive };
    Q_ENUM(Preset)

    enum CongestionControl {
        NoCongestionControl,
        ClassicCongestionControl,
        CubicCongestionControl
    };
    Q_ENUM(CongestionControl)

    enum Mode { Stream, Message };
    Q_ENUM(Mode)

    enum Profile { Native = 0x1, PlainKcp = 0x2 };
    Q_ENUM(Profile)
    Q_DECLARE_FLAGS(Profiles, Profile)
    Q_FLAG(Profiles)

    KcpConfiguration();
    explicit KcpConfiguration(Preset preset);
    KcpConfiguration(const KcpConfiguration &other);
    KcpConfiguration(KcpConfiguration &&other) noexcept;
    ~KcpConfiguration();
    KcpConfiguration &operator=(const KcpConfiguration &other);
    KcpConfiguration &operator=(KcpConfiguration &&other) noexcept;

    void swap(KcpConfiguration &other) noexcept { d.swap(other.d); }

    static KcpConfiguration fromPreset(Preset preset);

    int noDelay() const;
    bool setNoDelay(int level);

    std::chrono::milliseconds interval() const;
    bool setInterval(std::chrono::milliseconds interval);

    int fastResend() const;
    bool setFastResend(int count);

    CongestionControl congestionControl() const;
    bool setCongestionControl(CongestionControl control);

    int mtu() const;
    bool setMtu(int bytes);

    int sendWindow() const;
    bool setSendWindow(int segments);

    int receiveWindow() const;
    bool setReceiveWindow(int segments);

    Mode mode() const;
    bool setMode(Mode mode);

    qint64 maxMessageSize() const;
    bool setMaxMessageSize(qint64 bytes);

    std::chrono::milliseconds minimumRto() const;
    bool setMinimumRto(std::chrono::milliseconds rto);

    int deadLink() const;
    bool setDeadLink(int transmissions);

    std::chrono::milliseconds connectTimeout() const;
    bool setConnectTimeout(std::chrono::milliseconds timeout);

    std::chrono::milliseconds idleTimeout() const;
    bool setIdleTimeout(std::chrono::milliseconds timeout);

    std::chrono::milliseconds keepAliveInterval() const;
    bool setKeepAliveInterval(std::chrono::milliseconds interval);

    std::chrono::milliseconds lingerTime() const;
    bool setLingerTime(std::chrono::milliseconds time);

    bool ackNoDelay() const;
    void setAckNoDelay(bool enabled);

    bool connectWithoutReply() const;
    void setConnectWithoutReply(bool enabled);

    Profile profile() const;
    bool setProfile(Profile profile);

    friend bool operator==(const KcpConfiguration &lhs, const KcpConfiguration &rhs)
    {
        return lhs.equals(rhs);
    }
    friend bool operator!=(const KcpConfiguration &lhs, const KcpConfiguration &rhs)
    {
        return !lhs.equals(rhs);
    }

private:
    bool equals(const KcpConfiguration &other) const;

    friend class KcpConfigurationPrivate;
    QSharedDataPointer<KcpConfigurationPrivate> d;
};

Q_DECLARE_OPERATORS_FOR_FLAGS(KcpConfiguration::Profiles)
Q_DECLARE_SHARED(KcpConfiguration)

#ifndef QT_NO_DEBUG_STREAM
Q_KCPNETWORK_EXPORT QDebug operator<<(QDebug debug, const KcpConfiguration &configuration);
#endif

Q_DECLARE_METATYPE(KcpConfiguration)

#endif // KCPCONFIGURATION_H
