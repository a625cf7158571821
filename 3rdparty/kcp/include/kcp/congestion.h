// SPDX-License-Identifier: MIT
// Congestion control: how many segments may be under way.
#ifndef KCP_CONGESTION_H
#define KCP_CONGESTION_H

#include <kcp/time.h>

#include <cstdint>
#include <memory>

namespace kcp {

enum class CongestionControl : std::uint8_t {
    Off, // nc=1: only the windows of the two sides limit
    Classic, // what the original KCP does with nc=0
    Cubic, // RFC 9438 with the slow start of RFC 5681
    Custom, // given with Engine::setCongestionController(); until then as Off
};

// All counts are segments. The engine calls at most one of each per datagram or timeout run.
class CongestionController
{
public:
    struct Ack
    {
        Instant now;
        std::uint32_t newlyAcknowledged; // segments, cumulative and selective
        std::uint32_t inFlight; // before this acknowledgement
        bool cumulative; // una moved forward
        bool windowLimited; // the congestion window, not the application, was the limit
        Duration srtt;
        Duration rtt{ -1 }; // the sample it gave; negative: none
    };
    struct Loss
    {
        Instant now;
        std::uint32_t inFlight; // sent and not acknowledged, lost ones included
        bool newEpisode; // the lost segment was sent after the reaction to the last loss
    };

    static std::unique_ptr<CongestionController> create(CongestionControl kind, std::uint32_t mss,
                                                        std::uint32_t fastResend);

    virtual ~CongestionController();

    virtual void onAck(const Ack &ack) = 0;
    virtual void onFastRetransmit(const Loss &loss) = 0;
    virtual void onTimeout(const Loss &loss) = 0;
    virtual void setMss(std::uint32_t mss) = 0;

    // The congestion window, at least 1; UINT32_MAX when nothing limits.
    virtual std::uint32_t window() const = 0;
    virtual std::uint32_t slowStartThreshold() const = 0;

    // True when the window limits what is under way, retransmissions included (RFC 6675's pipe);
    // false when it limits the distance from una to snd_nxt, and retransmissions go at once.
    virtual bool limitsRetransmissions() const = 0;
};

} // namespace kcp

#endif // KCP_CONGESTION_H
