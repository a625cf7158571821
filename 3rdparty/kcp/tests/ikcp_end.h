// SPDX-License-Identifier: MIT
// What the C++ tests of the C interface share: control blocks that hand their datagrams to an End.
#ifndef KCP_TESTS_IKCP_END_H
#define KCP_TESTS_IKCP_END_H

#include "ikcp.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

inline int failures = 0;

inline void check(bool ok, const char *what, const char *file, int line)
{
    if (ok)
        return;
    std::printf("%s:%d: %s is false\n", file, line, what);
    ++failures;
}

#define CHECK(condition) check(static_cast<bool>(condition), #condition, __FILE__, __LINE__)

struct Release
{
    void operator()(ikcpcb *kcp) const { ikcp_release(kcp); }
};
using Control = std::unique_ptr<ikcpcb, Release>;

inline std::mt19937 generator;

// The seed is KCP_TEST_SEED, or a new one.
inline void seedGenerator()
{
    const char *seed = std::getenv("KCP_TEST_SEED");
    const unsigned long value = seed ? std::strtoul(seed, nullptr, 10) : std::random_device{}();
    std::printf("KCP_TEST_SEED=%lu\n", value);
    generator.seed(static_cast<std::mt19937::result_type>(value));
}

// One end of a line: what it sent and the other has not taken yet.
struct End
{
    std::deque<std::string> sent;
    unsigned lossPercent = 0;
    std::size_t largest = 0;
    std::vector<std::string> log;
};

inline Control makeControl(IUINT32 conv, End &end)
{
    Control kcp(ikcp_create(conv, &end));
    kcp->output = [](const char *buf, int len, ikcpcb *, void *user) {
        auto *end = static_cast<End *>(user);
        end->largest = std::max(end->largest, static_cast<std::size_t>(len));
        if (generator() % 100 >= end->lossPercent)
            end->sent.emplace_back(buf, static_cast<std::size_t>(len));
        return 0;
    };
    kcp->writelog = [](const char *line, ikcpcb *, void *user) {
        static_cast<End *>(user)->log.emplace_back(line);
    };
    return kcp;
}

inline void carry(End &from, ikcpcb *to, IUINT32 now)
{
    for (; !from.sent.empty(); from.sent.pop_front()) {
        to->current = now;
        CHECK(ikcp_input(to, from.sent.front().data(), static_cast<long>(from.sent.front().size()))
              == 0);
    }
}

inline std::string randomText(std::size_t size)
{
    std::string text(size, '\0');
    for (char &c : text)
        c = static_cast<char>(generator());
    return text;
}

inline std::string readAll(ikcpcb *kcp)
{
    std::string text;
    for (int size = ikcp_peeksize(kcp); size >= 0; size = ikcp_peeksize(kcp)) {
        std::string message(static_cast<std::size_t>(size), '\0');
        CHECK(ikcp_recv(kcp, message.data(), size) == size);
        text += message;
    }
    return text;
}

#endif // KCP_TESTS_IKCP_END_H
