#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace epas {

/// Memory to work in for each of the threads that do the tasks of a call.
class TaskMemories {
public:
    /// - Parameters:
    ///   - threads: The most that are expected; more of them wait for each other.
    ///   - words: What a task works in.
    /// - Throws: std::bad_alloc
    TaskMemories(int64_t threads, int64_t words);

    /// Takes the caller's memory, `threads` · `words`, for at most 64 threads.
    TaskMemories(int64_t threads, int64_t words, uint32_t *memory);

    /// Calls the body with memory that no other one has meanwhile.
    template <class Body> void with(const Body &body) {
        const int place = take();
        body(first + place * words);
        free.fetch_or(uint64_t(1) << place, std::memory_order_release);
    }

private:
    int take();

    const int64_t words;
    std::unique_ptr<uint32_t[]> memory;
    uint32_t *first;
    /// One bit for each piece of memory that nobody has.
    std::atomic<uint64_t> free;
};

}  // namespace epas
