// SPDX-License-Identifier: MIT
#include <kcp/engine.h>

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

using namespace kcp;
using namespace std::chrono_literals;

namespace {

std::string invalid(const std::function<void(Config &)> &change)
{
    Config config;
    change(config);
    const char *field = config.invalidField();
    return field ? field : "";
}

} // namespace

TEST_SUITE_BEGIN("config");

TEST_CASE("the defaults are the original's, and valid")
{
    const Config config;
    CHECK(config.invalidField() == nullptr);
    CHECK(config.mtu == 1400);
    CHECK(config.sendWindow == 32);
    CHECK(config.receiveWindow == 128);
    CHECK(config.interval == 100ms);
    CHECK(config.nodelay == 0);
    CHECK(config.fastResend == 0);
    CHECK(config.fastLimit == 5);
    CHECK(config.deadLink == 20);
    CHECK(config.congestionControl == CongestionControl::Classic);
    CHECK(config.maximumFragments == 127);
    CHECK(!config.stream);
}

TEST_CASE("every range has two ends, and the field is named")
{
    struct Range
    {
        const char *field;
        std::function<void(Config &, std::int64_t)> set;
        std::int64_t least;
        std::int64_t most;
    };
    const std::vector<Range> ranges{
        { "nodelay", [](Config &c, auto v) { c.nodelay = static_cast<std::uint8_t>(v); }, 0, 2 },
        { "interval", [](Config &c, auto v) { c.interval = Duration(v); }, 1000, 5000000 },
        { "mtu", [](Config &c, auto v) { c.mtu = static_cast<std::uint32_t>(v); }, 50, 65507 },
        { "sendWindow", [](Config &c, auto v) { c.sendWindow = static_cast<std::uint32_t>(v); }, 1,
          65535 },
        { "receiveWindow",
          [](Config &c, auto v) { c.receiveWindow = static_cast<std::uint32_t>(v); }, 1, 65535 },
        { "maximumFragments",
          [](Config &c, auto v) { c.maximumFragments = static_cast<std::uint32_t>(v); }, 1, 255 },
        { "minimumRto", [](Config &c, auto v) { c.minimumRto = Duration(v); }, 0, 60000000 },
    };
    for (const Range &range : ranges) {
        CAPTURE(range.field);
        const auto with = [&range](std::int64_t value) {
            return invalid([&](Config &config) { range.set(config, value); });
        };
        CHECK(with(range.least).empty());
        CHECK(with(range.most).empty());
        CHECK(with(range.most + 1) == range.field);
        if (range.field != std::string("nodelay"))
            CHECK(with(range.least - 1) == range.field);
    }
    CHECK(invalid([](Config &c) { c.deadLinkTime = -1us; }) == "deadLinkTime");
    CHECK(invalid([](Config &c) { c.fastResend = 0xffffffffU; }) == "fastResend");
}

TEST_CASE("setters refuse what the configuration refuses, and change nothing then")
{
    Engine engine{ Config{} };
    CHECK(!engine.setMtu(49));
    CHECK(!engine.setMtu(65508));
    CHECK(!engine.setSendWindow(0));
    CHECK(!engine.setSendWindow(65536));
    CHECK(!engine.setReceiveWindow(0));
    CHECK(!engine.setReceiveWindow(65536));
    CHECK(!engine.setInterval(999us));
    CHECK(!engine.setInterval(5001ms));
    CHECK(engine.config().mtu == 1400);
    CHECK(engine.config().sendWindow == 32);
    CHECK(engine.config().receiveWindow == 128);
    CHECK(engine.config().interval == 100ms);
    CHECK(engine.setMtu(50));
    CHECK(engine.mss() == 26);
    CHECK(engine.setSendWindow(65535));
    CHECK(engine.setReceiveWindow(65535));
    CHECK(engine.advertisedWindow() == 65535);
    CHECK(engine.setInterval(1ms));
    engine.setNoDelay(200);
    CHECK(engine.config().invalidField() == nullptr);
}

TEST_SUITE_END();
