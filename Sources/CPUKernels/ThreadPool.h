#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace epas {

/// The process's threads for kernels.
///
/// One call at a time is divided among them. A call that finds them at work does everything itself,
/// so that calls never wait for each other, and no thread of the pool ever waits for another one.
/// A thread that runs out of work looks for more for a short while before it sleeps, because the
/// kernels of one token follow each other within microseconds.
///
/// Each thread begins with a part of the indices of its own, and then helps others with theirs: what
/// it wrote for one kernel is in its cache for the next one.
class ThreadPool {
public:
    static ThreadPool &shared();

    void setThreads(int threads);
    int threads() const { return limit.load(std::memory_order_relaxed); }

    /// Calls the body with every index below `count`, in any order and on several threads, and
    /// returns when all have returned. The body must not throw.
    template <class Body> void forEach(int64_t count, const Body &body) {
        run(count, [](const void *body, int64_t index) {
            (*static_cast<const Body *>(body))(index);
        }, &body);
    }

private:
    using Function = void (*)(const void *, int64_t);

    void run(int64_t count, Function function, const void *body);
    void work(int index);
    void workUntilStopped(int index);

    // The number of the work, whether threads may still join it, and how many are at it.
    static constexpr uint64_t one = uint64_t(1) << 32;
    static constexpr uint64_t open = uint64_t(1) << 31;
    static uint64_t number(uint64_t state) { return state >> 32; }
    static uint64_t busy(uint64_t state) { return state & (open - 1); }
    std::atomic<uint64_t> state{0};

    std::atomic<bool> taken{false};
    // Written by the thread that took the pool, while no other one is at work.
    Function function = nullptr;
    const void *body = nullptr;
    /// Indices of which a thread takes the next one until there is none before the end.
    struct alignas(64) Part {
        std::atomic<int64_t> next{0};
        int64_t end = 0;
    };
    static constexpr int maximalParts = 64;
    Part parts[maximalParts];
    int partCount = 0;

    alignas(64) std::atomic<int> limit{1};
    std::mutex starting;
    int started = 0;

    std::mutex sleeping;
    std::condition_variable news;
    std::atomic<int> sleepers{0};
};

}  // namespace epas
