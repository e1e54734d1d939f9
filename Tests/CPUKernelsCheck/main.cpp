// Checks the CPU kernels without a plugin, for sanitizers: results against double precision, rows
// against the same rows in other company, calls that must be refused.
//
//   Scripts/test_kernels.sh
//
// Swift tests compare the kernels with their plain forms through the plugin.

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "CrossEntropy.h"
#include "Fused.h"
#include "Integers.h"
#include "Kernel.h"
#include "Optimizer.h"
#include "ProductRefusals.h"
#include "Products.h"
#include "TrainingAttention.h"
#include "TrainingRows.h"
#include "TrainingRowsRefusals.h"

using namespace epas;

static int failures = 0;

static void fail(const KernelCall &call, const std::string &problem) {
    ++failures;
    printf("%s", call.target.c_str());
    for (const Array &operand : call.operands) {
        printf(" [");
        for (int64_t dimension : operand.dimensions) printf(" %ld", long(dimension));
        printf(" ]");
    }
    printf(": %s\n", problem.c_str());
}

/// A sum of n float32 terms is off by at most n·2⁻²⁴ of the terms' sizes, whatever their order
/// (Higham, 2002, section 4.2); the result is then rounded once more, to its type. Where a sigmoid
/// is below the normal float32 numbers it may be zero: 100 · 2⁻¹²⁶ is below 1e-36.
static void checkResults(const KernelCall &call) {
    const std::string error = call.run();
    if (!error.empty()) return fail(call, error);
    const double rounding = call.result.type == ElementType::bfloat16 ? 0x1p-8 : 0x1p-23;
    for (int64_t i = 0; i < call.result.count(); ++i) {
        if (!call.isDefined(i)) continue;
        const Expected &expected = call.expected[i];
        const double bound = 1e-36 + rounding * std::fabs(expected.value)
            + (call.terms + 2) * 0x1p-24 * expected.magnitude;
        const double actual = call.result.at(i);
        if (!(std::fabs(actual - expected.value) <= bound)) {
            return fail(
                call, "element " + std::to_string(i) + " is " + std::to_string(actual)
                    + ", expected " + std::to_string(expected.value) + " within "
                    + std::to_string(bound));
        }
    }
}

/// Whether row `row` of one call is, bit for bit, row `other` of another one, as far as defined.
static bool isSameRow(
    const KernelCall &call, int64_t row, const KernelCall &second, int64_t other
) {
    const int64_t count = call.result.count() / call.rows();
    const size_t size = byteCount(call.result.type);
    for (int64_t i = 0; i < count; ++i) {
        if (!call.isDefined(row * count + i)) continue;
        if (memcmp(call.result.bytes.get() + (row * count + i) * size,
                second.result.bytes.get() + (other * count + i) * size, size) != 0) {
            return false;
        }
    }
    return true;
}

/// Every row alone, and in batches of several sizes at random places among random others, on
/// several numbers of threads.
static void checkInvariance(const KernelCall &call, Random &random) {
    epas_cpu_set_threads(1);
    std::string error = call.run();
    if (!error.empty()) return fail(call, error);
    for (int threads : {1, 2, 4}) {
        epas_cpu_set_threads(threads);
        for (int64_t batch : {1, 2, 3, 7, 16, 128}) {
            const int64_t tries = batch == 1 ? std::min<int64_t>(call.rows(), 24) : 4;
            for (int64_t i = 0; i < tries; ++i) {
                std::vector<int64_t> rows;
                while (int64_t(rows.size()) < batch) {
                    // Runs of neighbours, which kernels take together, and single rows.
                    const int64_t row = rows.empty() || random.below(3) == 0
                        ? random.below(call.rows()) : (rows.back() + 1) % call.rows();
                    rows.push_back(row);
                }
                const KernelCall part = call.taking(rows);
                error = part.run();
                if (!error.empty()) return fail(part, error);
                for (int64_t j = 0; j < batch; ++j) {
                    if (isSameRow(call, rows[j], part, j)) continue;
                    return fail(
                        part, "row " + std::to_string(rows[j]) + " differs in a batch of "
                            + std::to_string(batch) + " on " + std::to_string(threads)
                            + " threads");
                }
            }
        }
    }
}

/// The same attention with more columns in the table.
static void checkPadding(const KernelCall &call, Random &random) {
    std::string error = call.run();
    if (!error.empty()) return fail(call, error);
    const bool isMix = call.target == "epas.attention_mix";
    const Array &tables = call.operands[2];
    const Array &given = isMix ? call.operands[0] : call.result;
    const int64_t m = given.dimensions[0], n = given.dimensions[1], t = given.dimensions[2];
    const int64_t planes = tables.dimensions[0], s = tables.dimensions[1];
    const int64_t c = tables.dimensions[2], u = t / c;
    const int64_t more = c + 1 + random.below(40);
    KernelCall padded = call;
    padded.operands[2] = Array(ElementType::int32, {planes, s, more});
    for (int64_t i = 0; i < planes * s; ++i) {
        memcpy(padded.operands[2].as<int32_t>() + i * more, tables.as<int32_t>() + i * c, 4 * c);
    }
    Array wide(ElementType::float32, {m, n, more * u});
    if (isMix) {
        for (int64_t i = 0; i < m * n; ++i) {
            memcpy(wide.as<float>() + i * more * u, given.as<float>() + i * t, 4 * t);
        }
        padded.operands[0] = wide;
        padded.result = Array(call.result.type, call.result.dimensions);
    } else {
        padded.result = wide;
    }
    error = padded.run();
    if (!error.empty()) return fail(padded, error);
    if (isMix) {
        for (int64_t row = 0; row < m; ++row) {
            if (!isSameRow(call, row, padded, row)) return fail(padded, "padding changes a row");
        }
        return;
    }
    for (int64_t i = 0; i < m * n * t; ++i) {
        if (!call.isDefined(i)) continue;
        if (memcmp(call.result.as<float>() + i, wide.as<float>() + i / t * more * u + i % t, 4)) {
            return fail(padded, "padding changes a row");
        }
    }
}

/// Kernels that do several things against the same done row by row, which also says that a row's
/// result does not depend on the others.
static void checkFused(Random &random, ElementType type) {
    for (const auto &[m, d, f] : {std::array<int64_t, 3>{1, 1, 1}, {1, 70, 33}, {3, 64, 130},
            {16, 200, 67}, {129, 40, 20}, {7, 2100, 9}}) {
        for (int options = 0; options < 4; ++options) {
            const GatedLinear gated(random, type, m, d, f, options & 1, options & 2);
            const std::string problem = gated.problem();
            if (!problem.empty()) fail(gated.call(), problem);
        }
    }
    for (const InputsSize &size : {InputsSize{1, 1, 1, 1, 2, 1, 2}, {1, 96, 12, 12, 64, 32, 4},
            {2, 33, 6, 2, 6, 4, 6}, {7, 70, 4, 1, 34, 5, 8}, {40, 64, 3, 3, 16, 32, 6},
            {130, 50, 8, 2, 64, 32, 14}, {3, 2100, 2, 1, 10, 4, 4}}) {
        for (int computed = 1; computed < 8; ++computed) {
            const AttentionInputs inputs(
                random, type, size, computed & 1, computed & 2, computed & 4, size.m % 2 == 0,
                (size.m / 2 + computed) % 2 == 0);
            const std::string problem = inputs.problem();
            if (problem.empty()) continue;
            fail({"epas.attention_inputs", inputs.operands(), {}, inputs.pool, {}, {}, 0, {}, {}},
                problem + " (" + std::to_string(computed) + ")");
        }
    }
}

static void expectRefusal(KernelCall call, const std::string &text) {
    const std::string error = call.run();
    if (error != call.target + ": " + text + ".") fail(call, "said '" + error + "'");
}

/// A copy of an index operand in which one element is replaced.
static Array replacing(const Array &array, int64_t index, int32_t value) {
    Array copy(array.type, array.dimensions);
    memcpy(copy.bytes.get(), array.bytes.get(), array.size());
    copy.as<int32_t>()[index] = value;
    return copy;
}

/// Calls of `epas.attention_inputs` and `epas.gated_linear` in which one thing is wrong.
static void checkRefusedInputs(Random &random) {
    const ElementType type = ElementType::float32;
    const AttentionInputs good(random, type, {2, 3, 2, 1, 4, 4, 2}, true, true, true, true);
    const auto expect = [&](const std::string &text, const auto &change) {
        std::vector<Array> operands = good.operands(), results = good.results();
        std::vector<Setting> settings = good.settings();
        change(operands, results, settings);
        const std::string error =
            call("epas.attention_inputs", operands, results, settings);
        if (error == "epas.attention_inputs: " + text + ".") return;
        ++failures;
        printf("epas.attention_inputs said '%s', not '%s'\n", error.c_str(), text.c_str());
    };
    const auto index = [&](int operand, int64_t place, int32_t value, const std::string &text) {
        expect(text, [&](auto &operands, auto &, auto &) {
            operands[operand] = replacing(operands[operand], place, value);
        });
    };
    for (int32_t value : {50, INT32_MAX}) {
        index(4, 1, value, "a row's position has no cosines and sines");
    }
    for (int place : {0, 4}) {
        for (int32_t value : {2, INT32_MAX}) {
            index(6, place, value, "a row's block is not in the pool");
        }
    }
    for (int32_t value : {-1, 4, INT32_MAX}) {
        index(7, 0, value, "a row's offset is outside its block");
    }
    for (int setting : {2, 3}) {
        expect("a plane is not among the targets", [&](auto &, auto &, auto &settings) {
            settings[setting].index = 3;
        });
    }
    expect("there is nothing to compute", [&](auto &, auto &, auto &settings) {
        settings[1].flag = false;
        settings[2].index = settings[3].index = -1;
    });
    expect("the last result must be the pool itself", [&](auto &, auto &results, auto &) {
        results[1] = Array(type, results[1].dimensions);
    });
    expect("there are more operands than projections take", [&](auto &, auto &, auto &settings) {
        settings[3].index = -1;
    });
    expect("an operand or result is missing", [&](auto &operands, auto &, auto &) {
        operands.erase(operands.begin() + 12, operands.end());
    });
    expect("a bias must be [out] of float32", [&](auto &operands, auto &, auto &) {
        operands[9] = Array(type, {7});
    });
    expect(
        "a weight must be [out, D] of the type of x or of int8",
        [&](auto &operands, auto &, auto &) {
            operands[10] = Array(ElementType::bfloat16, {4, 3});
        });
    expect(
        "the scales of an int8 weight must be [out, D/64], rounded up, of float32",
        [&](auto &operands, auto &, auto &) {
            operands[10] = Array(ElementType::int8, {4, 3});
        });
    expect("the weights of keys and values must be [K·H, D]", [&](auto &operands, auto &, auto &) {
        operands[10] = Array(type, {8, 3});
        operands[11] = Array(type, {8});
    });
    expect("the query's weight must be [N·H, D]", [&](auto &operands, auto &, auto &) {
        operands[8] = Array(type, {6, 3});
        operands[9] = Array(type, {6});
    });
    expect("the queries must be [M, N, H] of the type of x", [&](auto &, auto &results, auto &) {
        results[0] = Array(type, {2, 4, 2});
    });

    const KernelCall gated = GatedLinear(random, type, 2, 3, 4, false).call();
    KernelCall wrong = gated;
    wrong.operands[3] = Array(type, {5, 3});
    expectRefusal(wrong, "gate and up must be equally wide");
    wrong = gated;
    wrong.operands[1] = Array(type, {4});
    expectRefusal(wrong, "the norm's weight must be [D] of float32");
    wrong = gated;
    wrong.operands.pop_back();
    expectRefusal(wrong, "an operand or result is missing");
    wrong = gated;
    wrong.result = Array(type, {2, 3});
    expectRefusal(wrong, "the result must be [M, F] of the type of x");
}

static void checkRefusals(Random &random) {
    const ElementType type = ElementType::float32, index = ElementType::int32;
    const auto both = makeAttention(random, type, {4, 2, 1, 4, 2, 3, 8});
    for (const KernelCall &good : {both.first, both.second}) {
        const auto expect = [&](int operand, int64_t place, int32_t value, const char *text) {
            KernelCall call = good;
            call.operands[4] = replacing(good.operands[4], 0, 20);
            for (int64_t i = 6; i < 12; ++i) {
                call.operands[2] = replacing(call.operands[2], i, 1);
            }
            call.operands[operand] = replacing(call.operands[operand], place, value);
            expectRefusal(call, text);
        };
        for (int32_t value : {-1, 2, INT32_MAX, INT32_MIN}) {
            expect(3, 0, value, "a row's sequence is not in the table");
        }
        for (int32_t value : {24, INT32_MAX}) {
            expect(4, 0, value, "a row's position is beyond the table");
        }
        const int64_t column = good.operands[3].as<int32_t>()[0] * 3;
        for (int32_t value : {-1, 7, INT32_MAX, INT32_MIN}) {
            expect(2, 6 + column + 2, value, "the table names a block that is not in the pool");
        }
        for (int32_t value : {-1, 2, INT32_MAX}) {
            KernelCall call = good;
            call.settings[0].index = value;
            expectRefusal(call, "the plane is not among the tables");
        }
    }
    checkRefusedInputs(random);
    KernelCall norm = makeRMSNorm(random, type, type, 2, 3);
    norm.settings[0].type = index;
    expectRefusal(norm, "the setting epsilon is missing or of another type");
    norm.settings.clear();
    expectRefusal(norm, "the setting epsilon is missing or of another type");
    norm.operands.pop_back();
    expectRefusal(norm, "it takes x and a weight");
    KernelCall widened = makeRMSNorm(random, ElementType::bfloat16, ElementType::float32, 2, 3);
    expectRefusal(widened, "the result must be like x, or of bfloat16");
    KernelCall product = makeLinear(random, type, type, 2, 3, 4, true, true);
    std::swap(product.operands[2], product.operands[3]);
    expectRefusal(
        product, "after the weight come a bias [out] of float32 and a residual like the result, "
        "each or both left out");
    for (const Array &other : {Array(ElementType::bfloat16, {4, 3}), Array(type, {4, 2}),
            Array(type, {0, 3}), Array(type, {3}), Array(ElementType::int8, {4, 2}),
            Array(ElementType::int8, {0, 3}), Array(ElementType::int8, {4, 3, 1})}) {
        product.operands[1] = other;
        expectRefusal(product, "a weight must be [out, D] of the type of x or of int8");
    }
}

/// The same bits on every number of threads, and again.
static void checkRepetition(const KernelCall &call) {
    epas_cpu_set_threads(1);
    std::string error = call.run();
    if (!error.empty()) return fail(call, error);
    for (int threads : {4, 2, 3, 4, 1}) {
        epas_cpu_set_threads(threads);
        KernelCall again = call;
        again.result = Array(call.result.type, call.result.dimensions);
        error = again.run();
        if (!error.empty()) return fail(again, error);
        if (memcmp(
                call.result.bytes.get(), again.result.bytes.get(), call.result.size()) != 0) {
            return fail(again, "differs on " + std::to_string(threads) + " threads");
        }
    }
}

/// Calls from several threads at once, as XLA makes them.
static void checkConcurrency(Random &random) {
    epas_cpu_set_threads(4);
    const KernelCall product =
        makeLinear(random, ElementType::float32, ElementType::float32, 9, 256, 300, true, false);
    product.run();
    std::vector<std::thread> threads;
    std::atomic<int> wrong{0};
    for (int i = 0; i < 6; ++i) {
        threads.emplace_back([&] {
            for (int j = 0; j < 40; ++j) {
                KernelCall mine = product;
                mine.result = Array(product.result.type, product.result.dimensions);
                mine.run();
                for (int64_t row = 0; row < 9; ++row) {
                    if (!isSameRow(product, row, mine, row)) ++wrong;
                }
                // Long enough, now and then, for the pool's threads to fall asleep.
                if (j % 10 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
            }
        });
    }
    for (std::thread &thread : threads) thread.join();
    if (wrong > 0) fail(product, "differs when several threads call");
}

/// Calls on several threads at once are counted, and their times add up to no more than passed.
static void checkTimes(Random &random) {
    const KernelCall product =
        makeLinear(random, ElementType::float32, ElementType::float32, 9, 256, 300, true, false);
    const auto counted = [&] {
        std::pair<int64_t, double> result;
        for (int i = 0; epas_cpu_kernels()[i].target; ++i) {
            const EPASCPUKernelTime time = epas_cpu_kernel_time(i);
            const bool isProduct = product.target == epas_cpu_kernels()[i].target;
            if (isProduct) result = {time.calls, time.seconds};
            if (!isProduct && time.calls + time.seconds != 0) fail(product, "counted for another");
        }
        return result;
    };
    product.run();
    if (counted() != std::pair<int64_t, double>()) fail(product, "is counted without being asked");
    for (int repeat = 0; repeat < 2; ++repeat) {
        const auto start = std::chrono::steady_clock::now();
        epas_cpu_kernels_count_times(1);
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&] {
                KernelCall mine = product;
                mine.result = Array(product.result.type, product.result.dimensions);
                for (int j = 0; j < 10; ++j) mine.run();
            });
        }
        for (std::thread &thread : threads) thread.join();
        epas_cpu_kernels_count_times(0);
        const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
        product.run();
        const auto [calls, seconds] = counted();
        if (calls != 40) fail(product, "is counted " + std::to_string(calls) + " times, not 40");
        if (seconds <= 0 || seconds > passed.count()) {
            fail(product, "takes " + std::to_string(seconds) + " s as counted");
        }
    }
}

/// Numbers that are not normal are zero to every thread, however the caller's is set.
static void checkSmallNumbers(Random &random) {
    const ElementType type = ElementType::float32;
    KernelCall product = makeLinear(random, type, type, 64, 512, 64, false, true);
    for (int64_t i = 0; i < product.operands[0].count(); ++i) product.operands[0].set(i, 0);
    for (int64_t i = 0; i < 64 * 64; ++i) product.operands[2].set(i, 1e-40f);
    for (int threads : {1, 4}) {
        epas_cpu_set_threads(threads);
        for (unsigned flushes : {0, 0x8040}) {
#if defined(__x86_64__)
            const unsigned before = _mm_getcsr();
            _mm_setcsr(0x1F80 | flushes);
#endif
            const std::string error = product.run();
#if defined(__x86_64__)
            if (_mm_getcsr() != (0x1F80 | flushes)) fail(product, "changes the caller's mode");
            _mm_setcsr(before);
#endif
            if (!error.empty()) fail(product, error);
            for (int64_t i = 0; i < 64 * 64; ++i) {
                if (product.result.at(i) != 0) return fail(product, "keeps a subnormal number");
            }
        }
    }
}

static void checkCrossEntropies(Random &random, ElementType type) {
    const auto expect = [](const std::string &problem) {
        if (problem.empty()) return;
        ++failures;
        printf("%s\n", problem.c_str());
    };
    for (const auto &[rows, width, classes] : {std::array<int64_t, 3>{1, 1, 1}, {3, 5, 16},
            {17, 33, 50}, {230, 4, 37}, {2, 40, 1000}, {5, 1, 15}}) {
        expect(checkCrossEntropy(random, type, rows, width, classes));
    }
    expect(checkCrossEntropyOfNoNumbers(random, type));
    expect(checkCrossEntropyRefusals(random));
}

static void expectNoProblems(const std::vector<std::string> &problems) {
    for (const std::string &problem : problems) {
        if (problem.empty()) continue;
        ++failures;
        printf("%s\n", problem.c_str());
    }
}

static void checkTrainingAttention(Random &random, ElementType type) {
    const auto expect = [](const TrainingAttentionCase &each, const std::string &problem) {
        if (problem.empty()) return;
        ++failures;
        printf("%s: %s\n", each.name().c_str(), problem.c_str());
    };
    for (const TrainingAttentionSize &size : {TrainingAttentionSize{1, 1, 1, 1, 1, 1},
            {2, 3, 4, 2, 5, 2}, {1, 63, 2, 2, 16, 1}, {1, 64, 3, 1, 33, 3}, {2, 65, 2, 1, 64, 2},
            {1, 130, 6, 2, 20, 1}, {1, 200, 2, 2, 128, 2}, {1, 17, 1, 1, 256, 4},
            {1, 70, 1, 1, 255, 1}, {1, 321, 1, 1, 8, 3}}) {
        epas_cpu_set_threads(3);
        const TrainingAttentionCase each(random, type, size);
        expect(each, each.check());
        expect(each, each.checkThreads());
    }
    const std::string problem = checkTrainingAttentionRefusals(random);
    if (!problem.empty()) {
        ++failures;
        printf("%s\n", problem.c_str());
    }
}

static void checkOptimizers(Random &random) {
    for (const std::string &problem : {checkOptimizer(random), checkOptimizerRefusals(random)}) {
        if (problem.empty()) continue;
        ++failures;
        printf("%s\n", problem.c_str());
    }
}

int main() {
    Random random{7};
    checkOptimizers(random);
    checkRefusals(random);
    checkProductRefusals(random, expectRefusal);
    expectNoProblems(checkTrainingRowsRefusals(random));
    checkConcurrency(random);
    checkTimes(random);
    checkSmallNumbers(random);
    for (ElementType type : {ElementType::float32, ElementType::bfloat16}) {
        const bool isNarrow = type == ElementType::bfloat16;
        epas_cpu_set_threads(3);
        for (const auto &[m, d] : {std::pair<int64_t, int64_t>{1, 1}, {3, 15}, {2, 64}, {5, 77},
                {70, 1024}}) {
            checkResults(makeRMSNorm(random, type, type, m, d));
            checkResults(makeRMSNorm(random, ElementType::float32, type, m, d));
            checkResults(makeSwiGLU(random, type, m, d));
        }
        for (const auto &[m, n, h] : {std::array<int64_t, 3>{1, 1, 2}, {3, 2, 6}, {2, 3, 64},
                {40, 12, 80}}) {
            checkResults(makeRotary(random, type, m, n, h));
        }
        for (const auto &[m, in, out] : {std::array<int64_t, 3>{1, 1, 1}, {1, 33, 7}, {2, 32, 4},
                {5, 70, 9}, {7, 64, 33}, {13, 100, 18}, {8, 2085, 21}, {130, 17, 5},
                {3, 4099, 6}}) {
            for (int options = 0; options < 4; ++options) {
                for (bool hasIntegers : {false, true}) {
                    checkResults(
                        makeLinear(
                            random, type, type, m, in, out, options & 1, options & 2,
                            hasIntegers));
                }
            }
            if (isNarrow) {
                checkResults(
                    makeLinear(random, type, ElementType::float32, m, in, out, true, true));
            }
        }
        for (const std::string &problem : {
                checkIntegers(random, type), checkIntegerRefusals(random)}) {
            if (problem.empty()) continue;
            ++failures;
            printf("%s\n", problem.c_str());
        }
        for (const KernelCall &product : makeProducts(random, type)) {
            epas_cpu_set_threads(3);
            checkResults(product);
            checkRepetition(product);
        }
        epas_cpu_set_threads(3);
        for (const AttentionSize &size : {AttentionSize{1, 1, 1, 1, 1, 1, 1},
                {9, 4, 2, 6, 3, 3, 4}, {20, 6, 2, 64, 2, 3, 32}, {3, 5, 1, 80, 2, 2, 17},
                {2, 8, 8, 33, 1, 2, 40}, {2, 2, 1, 16, 2, 40, 32}, {30, 9, 1, 50, 1, 23, 48},
                {1, 1, 1, 128, 1, 70, 32}}) {
            const auto [scores, mix] = makeAttention(random, type, size);
            checkResults(scores);
            checkResults(mix);
            checkPadding(scores, random);
            checkPadding(mix, random);
        }
        checkTrainingAttention(random, type);
        expectNoProblems(checkTrainingRows(random, type));
        checkCrossEntropies(random, type);
        for (int threads : {1, 2, 4}) {
            epas_cpu_set_threads(threads);
            checkFused(random, type);
        }

        for (ElementType given : {ElementType::float32, type}) {
            checkInvariance(makeRMSNorm(random, given, type, 128, 200), random);
        }
        checkInvariance(makeSwiGLU(random, type, 128, 67), random);
        checkInvariance(makeRotary(random, type, 128, 3, 24), random);
        for (const auto &[in, out] : {std::pair<int64_t, int64_t>{100, 37}, {2500, 10}}) {
            for (bool hasIntegers : {false, true}) {
                checkInvariance(
                    makeLinear(random, type, type, 128, in, out, true, true, hasIntegers), random);
            }
        }
        for (const AttentionSize &size : {AttentionSize{128, 6, 2, 40, 3, 5, 32},
                {32, 4, 4, 64, 2, 40, 32}, {16, 2, 1, 70, 1, 90, 17}}) {
            const auto [scores, mix] = makeAttention(random, type, size);
            checkInvariance(scores, random);
            checkInvariance(mix, random);
        }
    }
    printf("%s: %s\n", epas_cpu_instruction_set(), failures == 0 ? "passed" : "FAILED");
    return failures > 0;
}
