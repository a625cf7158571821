// SPDX-License-Identifier: MIT
#include <kcp/congestion.h>

#include <algorithm>
#include <cmath>

namespace kcp {

CongestionController::~CongestionController() = default;

namespace {

class FixedWindow final : public CongestionController
{
public:
    void onAck(const Ack &) override { }
    void onFastRetransmit(const Loss &) override { }
    void onTimeout(const Loss &) override { }
    void setMss(std::uint32_t) override { }
    std::uint32_t window() const override { return UINT32_MAX; }
    std::uint32_t slowStartThreshold() const override { return UINT32_MAX; }
    bool limitsRetransmissions() const override { return false; }
};

// The original's control: `increment` counts bytes, the window follows in whole segments.
class ClassicControl final : public CongestionController
{
public:
    ClassicControl(std::uint32_t mss, std::uint32_t fastResend)
        : m_mss(mss), m_fastResend(fastResend), m_increment(mss)
    {
    }

    void onAck(const Ack &ack) override
    {
        if (!ack.cumulative)
            return;
        if (m_window < m_threshold) {
            ++m_window;
            m_increment += m_mss;
            return;
        }
        m_increment = std::max(m_increment, m_mss);
        m_increment += (m_mss * m_mss) / m_increment + m_mss / 16;
        if ((m_window + 1) * m_mss <= m_increment)
            m_window = (m_increment + m_mss - 1) / m_mss;
    }

    void onFastRetransmit(const Loss &loss) override
    {
        m_threshold = std::max(loss.inFlight / 2, MinimumThreshold);
        m_window = m_threshold + m_fastResend;
        m_increment = static_cast<std::uint64_t>(m_window) * m_mss;
    }

    void onTimeout(const Loss &) override
    {
        m_threshold = std::max(m_window / 2, MinimumThreshold);
        m_window = 1;
        m_increment = m_mss;
    }

    void setMss(std::uint32_t mss) override
    {
        m_increment = static_cast<std::uint64_t>(m_window) * mss;
        m_mss = mss;
    }

    std::uint32_t window() const override { return m_window; }
    std::uint32_t slowStartThreshold() const override { return m_threshold; }
    bool limitsRetransmissions() const override { return false; }

private:
    static constexpr std::uint32_t MinimumThreshold = 2;

    std::uint64_t m_mss;
    std::uint32_t m_fastResend;
    std::uint32_t m_window = 1;
    std::uint32_t m_threshold = MinimumThreshold;
    std::uint64_t m_increment;
};

// CUBIC (RFC 9438). One acknowledging datagram may cover many segments, so growth counts segments,
// not acknowledgements (appropriate byte counting, RFC 3465).
class Cubic final : public CongestionController
{
public:
    void onAck(const Ack &ack) override
    {
        // An application that does not fill the window learns nothing about the path.
        if (!ack.windowLimited || ack.newlyAcknowledged == 0)
            return;
        double acknowledged = ack.newlyAcknowledged;
        if (m_window < m_threshold) { // slow start, RFC 5681 section 3.1
            const double room = m_threshold - m_window;
            const double step = std::min(acknowledged, room);
            m_window += step;
            acknowledged -= step;
            if (acknowledged <= 0)
                return;
        }
        avoidCongestion(ack, acknowledged);
    }

    void onFastRetransmit(const Loss &loss) override
    {
        if (!loss.newEpisode)
            return;
        reduce();
        m_window = std::max(m_threshold, MinimumWindow);
    }

    void onTimeout(const Loss &loss) override
    {
        // Section 4.8: as Reno, the window falls to one segment; the reduction counts once.
        if (loss.newEpisode)
            reduce();
        m_window = 1;
        m_epochStart = Never;
    }

    void setMss(std::uint32_t) override { }

    std::uint32_t window() const override
    {
        return static_cast<std::uint32_t>(std::clamp(m_window, 1.0, MaximumWindow));
    }
    std::uint32_t slowStartThreshold() const override
    {
        return m_threshold >= MaximumWindow ? UINT32_MAX : static_cast<std::uint32_t>(m_threshold);
    }
    bool limitsRetransmissions() const override { return true; }

private:
    static constexpr double C = 0.4; // segments / s^3, section 5
    static constexpr double Beta = 0.7; // section 4.6
    static constexpr double InitialWindow = 10; // RFC 6928
    static constexpr double MinimumWindow = 2;
    static constexpr double MaximumWindow = 1U << 20U;
    static constexpr double RenoAlpha = 3 * (1 - Beta) / (1 + Beta); // section 4.3

    static double seconds(Duration d) { return static_cast<double>(d.count()) / 1e6; }

    void avoidCongestion(const Ack &ack, double acknowledged)
    {
        if (m_epochStart == Never)
            startEpoch(ack.now);
        // Section 4.2: where the cubic curve will be one round trip from now.
        const double t = seconds(ack.now - m_epochStart + ack.srtt);
        const double cubic = C * std::pow(t - m_k, 3) + m_maximum;
        const double target = std::clamp(cubic, m_window, 1.5 * m_window);

        // Section 4.3: what Reno would have; after it has passed the old window, with alpha 1.
        const double alpha = m_reno >= m_priorWindow ? 1.0 : RenoAlpha;
        m_reno += alpha * acknowledged / m_window;

        m_window += (target - m_window) * std::min(1.0, acknowledged / m_window);
        m_window = std::min(std::max(m_window, m_reno), MaximumWindow);
    }

    void startEpoch(Instant now)
    {
        m_epochStart = now;
        m_reno = m_window;
        if (m_window < m_maximum) {
            m_k = std::cbrt((m_maximum - m_window) / C);
        } else {
            m_k = 0;
            m_maximum = m_window;
        }
    }

    // Multiplicative decrease with fast convergence (sections 4.6 and 4.7).
    void reduce()
    {
        m_priorWindow = m_window;
        m_maximum = m_window < m_maximum ? m_window * (1 + Beta) / 2 : m_window;
        m_threshold = std::max(m_window * Beta, MinimumWindow);
        m_epochStart = Never;
    }

    double m_window = InitialWindow;
    double m_threshold = MaximumWindow;
    double m_maximum = 0; // W_max
    double m_priorWindow = 0; // cwnd_prior
    double m_reno = 0; // W_est
    double m_k = 0; // seconds until the curve is back at W_max
    Instant m_epochStart = Never;
};

} // namespace

std::unique_ptr<CongestionController>
CongestionController::create(CongestionControl kind, std::uint32_t mss, std::uint32_t fastResend)
{
    switch (kind) {
    case CongestionControl::Classic:
        return std::make_unique<ClassicControl>(mss, fastResend);
    case CongestionControl::Cubic:
        return std::make_unique<Cubic>();
    case CongestionControl::Off:
    case CongestionControl::Custom:
        break;
    }
    return std::make_unique<FixedWindow>();
}

} // namespace kcp
