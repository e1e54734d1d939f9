// Attention of training against double precision, and bit for bit on several numbers of threads.
//
// Dimensions: B batch, T tokens, N query heads, K key heads, G = N/K, H head, L layers.

#pragma once

#include "Kernel.h"

namespace epas {

struct TrainingAttentionSize {
    int64_t b, t, n, k, h, layers;
};

/// A region of layers that have the same probabilities: operands, and what kernels should give.
class TrainingAttentionCase {
public:
    TrainingAttentionCase(Random &random, ElementType type, TrainingAttentionSize size)
        : type(type), size(size), query(random.array(type, {size.b, size.t, size.n, size.h}, 2)),
          key(random.array(type, {size.b, size.t, size.k, size.h}, 2)) {
        for (int64_t l = 0; l < size.layers; ++l) {
            values.push_back(random.array(type, key.dimensions));
            gradients.push_back(random.array(type, query.dimensions));
        }
        computeOutputs();
        computeGradients();
    }

    /// What does not hold, or nothing.
    std::string check() const {
        for (bool keeps : {false, true}) {
            const std::string problem = check(keeps);
            if (!problem.empty()) return problem;
        }
        return "";
    }

    /// Whether all results are the same bit for bit as on one thread.
    std::string checkThreads() const {
        for (bool keeps : {false, true}) {
            epas_cpu_set_threads(1);
            const std::vector<Array> alone = run(keeps);
            for (int threads : {2, 3, 4}) {
                epas_cpu_set_threads(threads);
                const std::vector<Array> together = run(keeps);
                for (size_t i = 0; i < alone.size(); ++i) {
                    if (memcmp(alone[i].bytes.get(), together[i].bytes.get(), alone[i].size())) {
                        return "result " + std::to_string(i) + " differs on "
                            + std::to_string(threads) + " threads";
                    }
                }
            }
        }
        return "";
    }

    std::string name() const {
        return "attention of " + std::to_string(size.layers) + " layers, ["
            + std::to_string(size.b) + " " + std::to_string(size.t) + " " + std::to_string(size.n)
            + "/" + std::to_string(size.k) + " " + std::to_string(size.h) + "]";
    }

    const ElementType type;
    const TrainingAttentionSize size;
    const Array query, key;
    std::vector<Array> values, gradients;

    int64_t triangle() const {
        const int64_t tiles = (size.t + 63) / 64;
        return 64 * 64 * (tiles * (tiles + 1) / 2);
    }
    Array like(const Array &array) const { return Array(type, array.dimensions); }
    Array probabilities() const { return Array(type, {size.b, size.n, triangle()}); }
    Array logSumExps() const { return Array(ElementType::float32, {size.b, size.n, size.t, 2}); }

    /// Every kernel's results: of each layer the output, then log-sum-exps, then of each sharing
    /// layer the values' gradient, then the gradients of queries, keys and the first values.
    std::vector<Array> run(bool keeps) const {
        std::vector<Array> results;
        const Array logSumExp = logSumExps(), kept = probabilities();
        std::vector<Array> outputs{like(query)};
        std::vector<Array> wanted{outputs[0], logSumExp};
        if (keeps) wanted.push_back(kept);
        expectNone(call("epas.attention", {query, key, values[0]}, wanted));
        const std::vector<Array> shared =
            keeps ? std::vector<Array>{kept} : std::vector<Array>{query, key, logSumExp};
        const auto with = [&](const Array &last) {
            std::vector<Array> operands = shared;
            operands.push_back(last);
            return operands;
        };
        for (int64_t l = 1; l < size.layers; ++l) {
            outputs.push_back(like(query));
            expectNone(call("epas.shared_attention", with(values[l]), {outputs[l]}));
        }
        results = outputs;
        results.push_back(logSumExp);
        for (int64_t l = 1; l < size.layers; ++l) {
            results.push_back(like(key));
            expectNone(
                call("epas.shared_attention_gradient", with(gradients[l]), {results.back()}));
        }
        std::vector<Array> operands{query, key, logSumExp};
        if (keeps) operands.push_back(kept);
        for (int64_t l = 0; l < size.layers; ++l) {
            operands.insert(operands.end(), {values[l], outputs[l], gradients[l]});
        }
        for (const Array &array : {query, key, key}) results.push_back(like(array));
        expectNone(call(
            "epas.attention_gradient", operands, {results.end() - 3, results.end()}));
        return results;
    }

private:
    static void expectNone(const std::string &error) {
        if (error.empty()) return;
        printf("%s\n", error.c_str());
        abort();
    }

    int64_t queryPlace(int64_t b, int64_t t, int64_t n) const {
        return ((b * size.t + t) * size.n + n) * size.h;
    }
    int64_t keyPlace(int64_t b, int64_t t, int64_t n) const {
        return ((b * size.t + t) * size.k + n / (size.n / size.k)) * size.h;
    }
    double dot(const Array &x, int64_t i, const Array &y, int64_t j) const {
        double result = 0;
        for (int64_t h = 0; h < size.h; ++h) result += double(x.at(i + h)) * y.at(j + h);
        return result;
    }
    double absoluteDot(const Array &x, int64_t i, const Array &y, int64_t j) const {
        double result = 0;
        for (int64_t h = 0; h < size.h; ++h) {
            result += std::fabs(double(x.at(i + h)) * y.at(j + h));
        }
        return result;
    }

    /// Calls the body with every query and every key that it sees.
    template <class Body> void forEachPair(const Body &body) const {
        for (int64_t b = 0; b < size.b; ++b) {
            for (int64_t n = 0; n < size.n; ++n) {
                for (int64_t i = 0; i < size.t; ++i) {
                    for (int64_t j = 0; j <= i; ++j) {
                        body(((b * size.n + n) * size.t + i), j, queryPlace(b, i, n),
                            keyPlace(b, j, n));
                    }
                }
            }
        }
    }

    void computeOutputs() {
        const int64_t rows = size.b * size.n * size.t;
        const double scale = 1 / std::sqrt(double(size.h));
        exact.resize(rows * size.t);
        std::vector<double> total(rows), most(rows, -INFINITY);
        forEachPair([&](int64_t row, int64_t j, int64_t q, int64_t k) {
            const double score = dot(query, q, key, k) * scale;
            most[row] = std::max(most[row], score);
            exact[row * size.t + j] = std::exp(score);
            total[row] += exact[row * size.t + j];
        });
        for (int64_t row = 0; row < rows; ++row) {
            // A score is the sum of products of up to 4, H of them, over √H.
            logSumExp.push_back({most[row], 1});
            logSumExp.push_back({std::log(total[row]) - most[row], 1});
            for (int64_t j = 0; j < size.t; ++j) exact[row * size.t + j] /= total[row];
        }
        outputs.resize(size.layers, std::vector<Expected>(query.count()));
        for (int64_t l = 0; l < size.layers; ++l) {
            forEachPair([&](int64_t row, int64_t j, int64_t q, int64_t k) {
                for (int64_t h = 0; h < size.h; ++h) {
                    outputs[l][q + h].add(exact[row * size.t + j] * values[l].at(k + h));
                }
            });
        }
    }

    void computeGradients() {
        const int64_t rows = size.b * size.n * size.t;
        const double scale = 1 / std::sqrt(double(size.h));
        queryGradient.resize(query.count());
        keyGradient.resize(key.count());
        valueGradients.resize(size.layers, std::vector<Expected>(key.count()));
        std::vector<double> d(rows), dSize(rows);
        for (int64_t l = 0; l < size.layers; ++l) {
            forEachPair([&](int64_t row, int64_t j, int64_t q, int64_t k) {
                const double p = exact[row * size.t + j];
                d[row] += p * dot(gradients[l], q, values[l], k);
                dSize[row] += p * absoluteDot(gradients[l], q, values[l], k);
                for (int64_t h = 0; h < size.h; ++h) {
                    valueGradients[l][k + h].add(p * gradients[l].at(q + h));
                }
            });
        }
        forEachPair([&](int64_t row, int64_t j, int64_t q, int64_t k) {
            double dp = 0, dpSize = 0;
            for (int64_t l = 0; l < size.layers; ++l) {
                dp += dot(gradients[l], q, values[l], k);
                dpSize += absoluteDot(gradients[l], q, values[l], k);
            }
            const double p = exact[row * size.t + j] * scale;
            for (int64_t h = 0; h < size.h; ++h) {
                const auto add = [&](Expected &e, double other) {
                    e.value += p * (dp - d[row]) * other;
                    e.magnitude += p * (dpSize + dSize[row]) * std::fabs(other);
                };
                add(queryGradient[q + h], key.at(k + h));
                add(keyGradient[k + h], query.at(q + h));
            }
        });
    }

    std::string check(bool keeps) const {
        const std::vector<Array> results = run(keeps);
        size_t next = 0;
        std::string problem;
        for (int64_t l = 0; l < size.layers && problem.empty(); ++l) {
            problem = compare("an output", results[next++], outputs[l]);
        }
        if (problem.empty()) problem = compare("a log-sum-exp", results[next], logSumExp);
        ++next;
        for (int64_t l = 1; l < size.layers && problem.empty(); ++l) {
            problem = compare("a value's gradient", results[next++], valueGradients[l]);
        }
        if (problem.empty()) problem = compare("a query's gradient", results[next++], queryGradient);
        if (problem.empty()) problem = compare("a key's gradient", results[next++], keyGradient);
        if (problem.empty()) {
            problem = compare("a value's gradient", results[next++], valueGradients[0]);
        }
        return problem.empty() ? "" : problem + (keeps ? ", probabilities kept" : "");
    }

    /// In float32 an error of a score is a relative one of its power: scores are sums of H products
    /// of up to 4, over √H; then come sums over tokens and over layers. With bfloat16 numbers,
    /// probabilities, their derivatives, outputs and the result are rounded by up to 2⁻⁹ each.
    std::string compare(
        const char *what, const Array &actual, const std::vector<Expected> &expected
    ) const {
        const bool isNarrow = actual.type == ElementType::bfloat16;
        const double terms = 2 * size.h + size.t * size.n / size.k + 16;
        const double unit = 0x1p-24 * terms * 4 * std::sqrt(double(size.h))
            + (isNarrow ? 3 * 0x1p-9 : 0);
        const double rounding = isNarrow ? 0x1p-8 : 0x1p-23;
        for (int64_t i = 0; i < actual.count(); ++i) {
            const Expected &e = expected[i];
            const double bound = unit * e.magnitude + rounding * std::fabs(e.value) + 1e-36;
            if (std::fabs(actual.at(i) - e.value) <= bound) continue;
            return std::string(what) + "'s element " + std::to_string(i) + " is "
                + std::to_string(actual.at(i)) + ", expected " + std::to_string(e.value)
                + " within " + std::to_string(bound);
        }
        return "";
    }

    std::vector<double> exact;
    std::vector<std::vector<Expected>> outputs, valueGradients;
    std::vector<Expected> logSumExp, queryGradient, keyGradient;
};

/// Calls that must be refused; returns the first that was not, or nothing.
inline std::string checkTrainingAttentionRefusals(Random &random) {
    const TrainingAttentionCase each(random, ElementType::float32, {1, 5, 4, 2, 3, 1});
    const Array &q = each.query, &k = each.key, sums = each.logSumExps();
    const Array kept = each.probabilities(), y = each.like(q), dk = each.like(k);
    const Array narrow(ElementType::bfloat16, k.dimensions), odd = random.array(k.type, {1, 5, 3, 3});
    const std::string heads = "keys and values must be [B, T, K, H] of the queries' type, "
        "N a multiple of K";
    const std::string triangle = "kept probabilities must be [B, N, 64 · 64 · n (n + 1) / 2] of the "
        "queries' type, n = T / 64 rounded up";
    struct Case {
        const char *target;
        std::vector<Array> operands, results;
        std::string text;
    };
    for (const Case &bad : {
            Case{"epas.attention", {q, k}, {y, sums}, "it takes queries, keys and values"},
            {"epas.attention", {q, k, k}, {y},
                "it gives outputs, log-sum-exps and, where wanted, probabilities"},
            {"epas.attention", {kept, k, k}, {y, sums},
                "the queries must be [B, T, N, H] of float32 or bfloat16"},
            {"epas.attention", {q, narrow, k}, {y, sums}, heads},
            {"epas.attention", {q, odd, odd}, {y, sums}, heads},
            {"epas.attention", {q, k, narrow}, {y, sums},
                "there must be as many values as keys, of their type"},
            {"epas.attention", {q, k, k}, {k, sums}, "the outputs must be like the queries"},
            {"epas.attention", {q, k, k}, {y, kept},
                "the log-sum-exps must be [B, N, T, 2] of float32"},
            {"epas.attention", {q, k, k}, {y, sums, sums}, triangle},
            {"epas.shared_attention", {k}, {y},
                "it takes kept probabilities and values, or queries, keys, log-sum-exps and values"},
            {"epas.shared_attention", {sums, k}, {y}, triangle},
            {"epas.shared_attention", {q, k, kept, k}, {y},
                "the log-sum-exps must be [B, N, T, 2] of float32"},
            {"epas.shared_attention_gradient", {sums, q}, {dk}, triangle},
            {"epas.shared_attention_gradient", {kept, q}, {odd}, heads},
            {"epas.attention_gradient", {q, k, sums}, {y, dk, dk},
                "it takes queries, keys, log-sum-exps, perhaps kept probabilities, and for each "
                "layer values, outputs and the outputs' gradient"},
            {"epas.attention_gradient", {q, k, sums, k, y, y}, {y, dk},
                "it gives the gradients of queries, keys and values"},
            {"epas.attention_gradient", {q, k, sums, k, y, k}, {y, dk, dk},
                "outputs and their gradients must be like the queries"},
            {"epas.attention_gradient", {q, k, sums, k, y, y}, {y, dk, odd},
                "the values' gradient must be like the values"}}) {
        const std::string said = call(bad.target, bad.operands, bad.results);
        if (said != bad.target + (": " + bad.text + ".")) return said + ", not " + bad.text;
    }
    return "";
}

}  // namespace epas
