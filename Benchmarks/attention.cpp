// Times the kernels of training's attention.
//
//   Benchmarks/attention.sh [THREADS [RUNS]]
//
// Every figure is the best of the runs, so that a machine that others use says something; rates
// count the products of the lower triangle that an exact computation needs, T · T · H
// floating-point operations for each of them, head and sequence.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>

#include "../Tests/CPUKernelsCheck/Plugin.h"

using namespace epas;

static int runs = 9;

static double best(const std::function<std::string()> &body) {
    using Clock = std::chrono::steady_clock;
    double result = INFINITY;
    for (int i = 0; i < runs; ++i) {
        const auto start = Clock::now();
        const std::string error = body();
        result = std::min(result, std::chrono::duration<double>(Clock::now() - start).count());
        if (error.empty()) continue;
        printf("%s\n", error.c_str());
        exit(1);
    }
    return result;
}

struct Size {
    int64_t b, t, n, k, h;
};

static void measure(Random &random, ElementType type, Size size) {
    const int64_t b = size.b, t = size.t, n = size.n, k = size.k, h = size.h;
    const int64_t tiles = (t + 63) / 64;
    const Array query = random.array(type, {b, t, n, h}), key = random.array(type, {b, t, k, h});
    const Array value = random.array(type, key.dimensions), output(type, query.dimensions);
    const Array gradient = random.array(type, query.dimensions);
    const Array sums(ElementType::float32, {b, n, t, 2});
    const Array kept(type, {b, n, 64 * 64 * (tiles * (tiles + 1) / 2)});
    const Array dq(type, query.dimensions), dk(type, key.dimensions), dv(type, key.dimensions);
    printf("%s, %ld x %ld tokens, %ld/%ld heads of %ld\n",
        type == ElementType::bfloat16 ? "bfloat16" : "float32", long(b), long(t), long(n), long(k),
        long(h));
    const auto report = [&](
        const char *what, int products, const std::function<std::string()> &body) {
        const double time = best(body);
        printf("  %-46s %8.2f ms %8.1f GFLOP/s\n", what, 1e3 * time,
            1e-9 * products * b * n * t * t * h / time);
    };
    const auto layers = [&](std::vector<Array> operands, int count) {
        for (int i = 0; i < count; ++i) {
            operands.insert(operands.end(), {value, output, gradient});
        }
        return operands;
    };
    report("forward", 2, [&] {
        return call("epas.attention", {query, key, value}, {output, sums});
    });
    report("forward, probabilities kept", 2, [&] {
        return call("epas.attention", {query, key, value}, {output, sums, kept});
    });
    report("sharing layer forward, kept", 1, [&] {
        return call("epas.shared_attention", {kept, value}, {output});
    });
    report("sharing layer forward, anew", 2, [&] {
        return call("epas.shared_attention", {query, key, sums, value}, {output});
    });
    report("sharing layer backward, kept", 1, [&] {
        return call("epas.shared_attention_gradient", {kept, gradient}, {dv});
    });
    report("sharing layer backward, anew", 2, [&] {
        return call("epas.shared_attention_gradient", {query, key, sums, gradient}, {dv});
    });
    report("backward", 5, [&] {
        return call("epas.attention_gradient", layers({query, key, sums}, 1), {dq, dk, dv});
    });
    report("source backward with 6 sharing layers, kept", 10, [&] {
        return call("epas.attention_gradient", layers({query, key, sums, kept}, 7), {dq, dk, dv});
    });
    report("source backward with 6 sharing layers, anew", 11, [&] {
        return call("epas.attention_gradient", layers({query, key, sums}, 7), {dq, dk, dv});
    });
}

int main(int count, char **arguments) {
    const int threads = count > 1 ? atoi(arguments[1]) : 1;
    if (count > 2) runs = std::max(1, atoi(arguments[2]));
    epas_cpu_set_threads(threads);
    printf("%s, %d threads, best of %d\n", epas_cpu_instruction_set(), threads, runs);
    Random random{1};
    for (ElementType type : {ElementType::bfloat16, ElementType::float32}) {
        for (const Size &size : {Size{1, 2048, 12, 12, 64}, {4, 512, 12, 12, 64},
                {1, 2048, 32, 4, 64}, {1, 2048, 8, 8, 128}}) {
            measure(random, type, size);
        }
    }
}
