#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <vector>

namespace epas {

/// The time that calls of each kernel take, while somebody counts it.
///
/// Where several calls run at once, each gets an equal part of that time, so that the kernels' times
/// add up to the time in which at least one of them ran.
class KernelTimes {
public:
    using Clock = std::chrono::steady_clock;

    struct Time {
        int64_t calls = 0;
        double seconds = 0;
        /// Calls that have not returned.
        int64_t running = 0;
    };

    static KernelTimes &shared();

    /// Counts from zero.
    void begin();
    void end();

    /// - Parameter index: The kernel's place in `epas_cpu_kernels`.
    Time at(int64_t index);

    /// One call, from beginning to end. Costs nothing to speak of where nobody counts.
    class Call {
    public:
        explicit Call(const char *target) {
            KernelTimes &times = shared();
            if (times.isCounting.load(std::memory_order_relaxed)) times.enter(target, *this);
        }
        ~Call() {
            if (time >= 0) shared().leave(*this);
        }
        Call(const Call &) = delete;
        Call &operator=(const Call &) = delete;

    private:
        friend class KernelTimes;
        int64_t time = -1;
        /// Which counting the call belongs to.
        int64_t counting = 0;
    };

private:
    KernelTimes();

    void enter(const char *target, Call &call);
    void leave(const Call &call);
    /// Gives the time since the last change to the calls that are running.
    void divide();

    std::atomic<bool> isCounting{false};
    std::mutex mutex;
    int64_t counting = 0;
    int64_t running = 0;
    Clock::time_point last;
    std::vector<Time> times;
};

}  // namespace epas
