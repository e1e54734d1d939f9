#include "ThreadPool.h"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <thread>

#include "FloatingPointMode.h"

namespace epas {

namespace {

/// How long a thread looks for work without letting others have its core.
constexpr auto patience = std::chrono::microseconds(100);

/// How long it looks for work at all before it sleeps, if no other thread wants its core. Between two
/// tokens the next one is chosen and handed over, for which 100 to 300 µs pass; waking sleeping
/// threads afterwards takes as long again.
constexpr auto vigil = std::chrono::milliseconds(2);

/// How long giving up the core takes where no other thread wants it, and some.
constexpr auto quickReturn = std::chrono::microseconds(20);

inline void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

}  // namespace

ThreadPool &ThreadPool::shared() {
    // Never destroyed: its threads may still be looking for work when the process ends.
    static ThreadPool *pool = new ThreadPool;
    return *pool;
}

void ThreadPool::setThreads(int threads) {
    std::lock_guard<std::mutex> lock(starting);
    try {
        for (; started < threads - 1; ++started) {
            std::thread([this, index = started + 1] { workUntilStopped(index); }).detach();
        }
    } catch (const std::system_error &) {
        // As many as the system gives.
    }
    limit.store(threads < started + 1 ? threads : started + 1);
}

void ThreadPool::run(int64_t count, Function function, const void *body) {
    if (count <= 1 || threads() <= 1 || taken.exchange(true, std::memory_order_acquire)) {
        for (int64_t i = 0; i < count; ++i) function(body, i);
        return;
    }
    this->function = function;
    this->body = body;
    partCount = static_cast<int>(
        std::min<int64_t>(count, std::min(threads(), maximalParts)));
    for (int i = 0; i < partCount; ++i) {
        parts[i].next.store(count * i / partCount, std::memory_order_relaxed);
        parts[i].end = count * (i + 1) / partCount;
    }
    // Sequentially consistent together with `sleepers`: either a thread that is about to sleep sees
    // the new work, or it is seen here.
    state.store((number(state.load(std::memory_order_relaxed)) + 1) * one | open);
    if (sleepers.load() > 0) {
        // Whoever holds this has not slept yet; whoever wakes up should not have to wait for it.
        { std::lock_guard<std::mutex> lock(sleeping); }
        news.notify_all();
    }
    work(0);
    state.fetch_and(~open, std::memory_order_relaxed);
    // Threads that have not joined by now will not; those that have are at their last piece.
    for (int i = 0; busy(state.load(std::memory_order_acquire)) != 0; ++i) {
        if (i < 10000) pause(); else std::this_thread::yield();
    }
    taken.store(false, std::memory_order_release);
}

void ThreadPool::work(int index) {
    for (int i = 0; i < partCount; ++i) {
        Part &part = parts[(index + i) % partCount];
        for (;;) {
            const int64_t next = part.next.fetch_add(1, std::memory_order_relaxed);
            if (next >= part.end) break;
            function(body, next);
        }
    }
}

void ThreadPool::workUntilStopped(int index) {
    using Clock = std::chrono::steady_clock;
    const FloatingPointMode mode;
    uint64_t seen = 0;
    auto last = Clock::now();
    for (unsigned turns = 1;; ++turns) {
        uint64_t now = state.load(std::memory_order_acquire);
        if ((now & open) != 0 && number(now) != seen && index < threads()) {
            if (!state.compare_exchange_weak(now, now + 1, std::memory_order_acq_rel)) continue;
            seen = number(now);
            work(index);
            state.fetch_sub(1, std::memory_order_release);
            last = Clock::now();
            continue;
        }
        pause();
        if (turns % 64 != 0) continue;
        const auto looked = Clock::now();
        if (looked - last < patience) continue;
        std::this_thread::yield();
        if (looked - last > vigil || Clock::now() - looked > quickReturn) {
            std::unique_lock<std::mutex> lock(sleeping);
            sleepers.fetch_add(1);
            news.wait(lock, [&] {
                const uint64_t now = state.load();
                return (now & open) != 0 && number(now) != seen && index < threads();
            });
            sleepers.fetch_sub(1);
            last = Clock::now();
        }
    }
}

}  // namespace epas
