#include "TaskMemories.h"

#include <algorithm>
#include <thread>

namespace epas {

namespace {

/// The words of a cache line: pieces begin at one.
constexpr int64_t line = 16;

int64_t pieces(int64_t threads) { return std::clamp<int64_t>(threads, 1, 64); }

}  // namespace

TaskMemories::TaskMemories(int64_t threads, int64_t words)
    : words((words + line - 1) / line * line),
      memory(new uint32_t[pieces(threads) * this->words + line]),
      first(memory.get()), free(~uint64_t(0) >> (64 - pieces(threads))) {
    while (reinterpret_cast<uintptr_t>(first) % (line * sizeof(uint32_t)) != 0) ++first;
}

TaskMemories::TaskMemories(int64_t threads, int64_t words, uint32_t *memory)
    : words(words), first(memory), free(~uint64_t(0) >> (64 - pieces(threads))) {}

int TaskMemories::take() {
    for (;;) {
        uint64_t now = free.load(std::memory_order_relaxed);
        while (now != 0) {
            const uint64_t rest = now & (now - 1);
            if (free.compare_exchange_weak(now, rest, std::memory_order_acquire)) {
                return __builtin_ctzll(now);
            }
        }
        std::this_thread::yield();
    }
}

}  // namespace epas
