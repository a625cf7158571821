// SPDX-License-Identifier: MIT
// Runs a server and a client, looks at both from outside for some time, and ends them:
//
//     bench_observe [OPTION...] -- SERVER [ARGUMENT...] -- CLIENT [ARGUMENT...]
//
// The server says "port N" in its first line; the client is given "--port N" as last arguments.
// Prints one line of name=value. CPU times are those of whole processes, kernel included.
//
//   --warmup S         from the first payload to the beginning of the measurement, seconds
//   --seconds S        length of the measurement; 0 = until the client ends
//   --cpus A,B         the server runs on CPU A only, the client on CPU B only
//   --connections N    the measurement begins when the client says that so many are open
//   --heap             prints the server's heap as it was before it listened and at the end
//   --timeout S        how long anything may take before the measurement begins
#include "counters.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using bench::Counters;

namespace {

using Command = std::vector<std::string>;

struct Options
{
    double warmup = 0.2;
    double seconds = 1;
    double timeout = 20;
    int serverCpu = -1;
    int clientCpu = -1;
    std::uint64_t connections = 0;
    bool heap = false;
    Command server;
    Command client;
};

void sleepFor(double seconds)
{
    timespec rest{ time_t(seconds), long((seconds - double(time_t(seconds))) * 1e9) };
    while (::nanosleep(&rest, &rest) != 0 && errno == EINTR) { }
}

// A process of its own group, so that what it starts ends with it.
class Child
{
public:
    Child(const Command &command, int cpu, int output)
    {
        m_pid = ::fork();
        if (m_pid < 0)
            throw std::runtime_error("fork failed");
        if (m_pid == 0)
            execute(command, cpu, output);
        ::setpgid(m_pid, m_pid);
        m_name = command.front();
    }
    ~Child() { end(); }
    Child(const Child &) = delete;
    Child &operator=(const Child &) = delete;

    pid_t pid() const { return m_pid; }
    // Milliseconds that all its threads have computed.
    double cpu() const
    {
        clockid_t clock{};
        timespec time{};
        if (::clock_getcpuclockid(m_pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0)
            return 0;
        return double(time.tv_sec) * 1e3 + double(time.tv_nsec) / 1e6;
    }
    bool hasEnded()
    {
        if (m_ended)
            return true;
        m_ended = ::waitpid(m_pid, &m_status, WNOHANG) == m_pid;
        return m_ended;
    }
    bool hasSucceeded() const { return WIFEXITED(m_status) && WEXITSTATUS(m_status) == 0; }
    void requireRunning()
    {
        if (hasEnded())
            throw std::runtime_error(m_name + " has ended");
    }
    void end()
    {
        ::kill(-m_pid, SIGTERM);
        for (int i = 0; i < 200 && !hasEnded(); ++i)
            sleepFor(0.01);
        ::kill(-m_pid, SIGKILL);
        if (!m_ended)
            m_ended = ::waitpid(m_pid, &m_status, 0) == m_pid;
    }

private:
    [[noreturn]] static void execute(const Command &command, int cpu, int output)
    {
        ::setpgid(0, 0);
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (output >= 0)
            ::dup2(output, STDOUT_FILENO);
        if (cpu >= 0) {
            cpu_set_t set;
            CPU_ZERO(&set);
            CPU_SET(std::size_t(cpu), &set);
            if (::sched_setaffinity(0, sizeof set, &set) != 0)
                std::perror("sched_setaffinity");
        }
        std::vector<char *> arguments;
        for (const std::string &argument : command)
            arguments.push_back(const_cast<char *>(argument.c_str()));
        arguments.push_back(nullptr);
        ::execvp(arguments[0], arguments.data());
        std::perror(arguments[0]);
        ::_exit(127);
    }

    std::string m_name;
    pid_t m_pid = -1;
    int m_status = 0;
    bool m_ended = false;
};

// Reads "port N" from the server's output.
std::string readPort(int descriptor)
{
    std::string line;
    char c = 0;
    while (::read(descriptor, &c, 1) == 1 && c != '\n')
        line += c;
    if (line.rfind("port ", 0) != 0)
        throw std::runtime_error("the server did not say its port: " + line);
    return line.substr(5);
}

struct Sample
{
    double time = 0; // seconds
    double serverCpu = 0; // milliseconds
    double clientCpu = 0;
    std::uint64_t bytes = 0;
    std::uint64_t messages = 0;
    std::vector<std::uint64_t> latency;
};

Sample take(const Child &server, const Child &client, const Counters &counters)
{
    Sample sample;
    sample.bytes = counters.bytes;
    sample.messages = counters.messages;
    sample.time = double(bench::monotonicNanoseconds()) / 1e9;
    sample.serverCpu = server.cpu();
    sample.clientCpu = client.cpu();
    sample.latency.assign(std::begin(counters.latency), std::end(counters.latency));
    return sample;
}

// The latency in microseconds that so many of all echoes stayed below.
double percentile(const Sample &from, const Sample &to, double share)
{
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < to.latency.size(); ++i)
        total += to.latency[i] - from.latency[i];
    double rest = double(total) * share;
    for (std::size_t i = 0; i < to.latency.size(); ++i) {
        rest -= double(to.latency[i] - from.latency[i]);
        if (rest <= 0 && total > 0)
            return bench::latencyOfBucket(i) / 1e3;
    }
    return 0;
}

template <typename Condition>
void waitFor(const char *what, double timeout, Child &server, Child &client, Condition condition)
{
    const std::uint64_t start = bench::monotonicNanoseconds();
    while (!condition()) {
        server.requireRunning();
        client.requireRunning();
        if (double(bench::monotonicNanoseconds() - start) / 1e9 > timeout)
            throw std::runtime_error(std::string("no ") + what + " within the timeout");
        sleepFor(0.002);
    }
}

std::uint64_t askForHeap(Child &server, Child &client, const Options &options, Counters &counters)
{
    const std::uint64_t before = counters.heapReports;
    ::kill(server.pid(), SIGUSR1);
    waitFor("heap report", options.timeout, server, client,
            [&] { return counters.heapReports > before; });
    return counters.heap;
}

Options parse(int argc, char **argv)
{
    Options options;
    int i = 1;
    for (; i < argc && std::strcmp(argv[i], "--") != 0; ++i) {
        const std::string name = argv[i];
        if (name == "--heap") {
            options.heap = true;
            continue;
        }
        if (i + 1 == argc)
            throw std::runtime_error(name + " needs a value");
        const char *value = argv[++i];
        if (name == "--warmup")
            options.warmup = std::atof(value);
        else if (name == "--seconds")
            options.seconds = std::atof(value);
        else if (name == "--timeout")
            options.timeout = std::atof(value);
        else if (name == "--connections")
            options.connections = std::strtoull(value, nullptr, 10);
        else if (name == "--cpus"
                 && std::sscanf(value, "%d,%d", &options.serverCpu, &options.clientCpu) == 2)
            continue;
        else
            throw std::runtime_error("cannot understand " + name);
    }
    for (++i; i < argc && std::strcmp(argv[i], "--") != 0; ++i)
        options.server.emplace_back(argv[i]);
    for (++i; i < argc; ++i)
        options.client.emplace_back(argv[i]);
    if (options.server.empty() || options.client.empty())
        throw std::runtime_error("usage: bench_observe [OPTION...] -- SERVER... -- CLIENT...");
    return options;
}

// A descriptor for each connection of a kernel protocol, here and in the children.
void raiseDescriptorLimit()
{
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

void observe(Options &options, Counters &counters)
{
    int pipe[2];
    if (::pipe2(pipe, O_CLOEXEC) != 0)
        throw std::runtime_error("pipe failed");
    Child server(options.server, options.serverCpu, pipe[1]);
    ::close(pipe[1]);
    options.client.emplace_back("--port");
    options.client.emplace_back(readPort(pipe[0]));
    const std::uint64_t heapBefore = counters.heap;
    Child client(options.client, options.clientCpu, -1);

    if (options.seconds == 0) {
        while (!client.hasEnded()) {
            server.requireRunning();
            sleepFor(0.01);
        }
        if (!client.hasSucceeded())
            throw std::runtime_error("the client has failed");
        std::printf("bytes=%llu messages=%llu wrong=%llu\n",
                    static_cast<unsigned long long>(counters.bytes),
                    static_cast<unsigned long long>(counters.messages),
                    static_cast<unsigned long long>(counters.wrong));
        return;
    }
    waitFor("beginning", options.timeout, server, client, [&] {
        return options.connections > 0 ? counters.ready >= options.connections
                                       : counters.bytes + counters.messages > 0;
    });
    sleepFor(options.warmup);
    const Sample from = take(server, client, counters);
    sleepFor(options.seconds);
    const Sample to = take(server, client, counters);
    server.requireRunning();
    client.requireRunning();

    std::printf("seconds=%.6f bytes=%llu messages=%llu server_cpu_ms=%.3f client_cpu_ms=%.3f "
                "p50_us=%.2f p99_us=%.2f wrong=%llu connections=%llu",
                to.time - from.time, static_cast<unsigned long long>(to.bytes - from.bytes),
                static_cast<unsigned long long>(to.messages - from.messages),
                to.serverCpu - from.serverCpu, to.clientCpu - from.clientCpu,
                percentile(from, to, 0.5), percentile(from, to, 0.99),
                static_cast<unsigned long long>(counters.wrong),
                static_cast<unsigned long long>(counters.connections));
    if (options.heap) {
        std::printf(" heap_before=%llu heap=%llu", static_cast<unsigned long long>(heapBefore),
                    static_cast<unsigned long long>(askForHeap(server, client, options, counters)));
    }
    std::printf("\n");
}

} // namespace

int main(int argc, char **argv)
{
    // Memory, not a disk: pages of a file are written back, and their next change costs a fault.
    const bool hasMemory = ::access("/dev/shm", W_OK) == 0;
    std::string file = std::string(hasMemory ? "/dev/shm" : "/tmp") + "/kcpnetwork-bench-XXXXXX";
    const int descriptor = ::mkstemp(file.data());
    if (descriptor < 0) {
        std::perror(file.c_str());
        return 1;
    }
    ::close(descriptor);
    ::setenv(bench::CountersVariable, file.c_str(), 1);
    int status = 0;
    try {
        Options options = parse(argc, argv);
        raiseDescriptorLimit();
        observe(options, bench::openCounters(file.c_str()));
    } catch (const std::exception &error) {
        std::fprintf(stderr, "bench_observe: %s\n", error.what());
        status = 1;
    }
    ::unlink(file.c_str());
    return status;
}
