// Times the products of a training step of the 125M model, and oneDNN's where it is at hand.
//
//   Benchmarks/products.sh [THREADS]
//
// Ours and theirs are called in turns; every figure is the median of the runs.

#include <algorithm>
#include <cstdio>
#include <functional>

#include "../Tests/CPUKernelsCheck/Plugin.h"
#include "Timing.h"
#if defined(EPAS_ONEDNN)
#include <oneapi/dnnl/dnnl.hpp>
extern "C" void omp_set_num_threads(int);
#endif

using namespace epas;

#if defined(EPAS_ONEDNN)
static dnnl::engine &processor() {
    static dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    return engine;
}

/// A product of [rows, sum] and [sum, columns], each in its order in memory.
static std::function<void()> theirs(
    const Array &a, bool aTransposed, const Array &b, bool bTransposed, const Array &y,
    int64_t rows, int64_t columns, int64_t sum
) {
    using namespace dnnl;
    const auto type = [](const Array &array) {
        return array.type == ElementType::bfloat16 ? memory::data_type::bf16
            : memory::data_type::f32;
    };
    const auto order = [](bool transposed) {
        return transposed ? memory::format_tag::ba : memory::format_tag::ab;
    };
    const memory::desc left({rows, sum}, type(a), order(aTransposed));
    const memory::desc right({sum, columns}, type(b), order(bTransposed));
    const memory::desc result({rows, columns}, type(y), memory::format_tag::ab);
    const matmul primitive(
        matmul::primitive_desc(matmul::desc(left, right, result), processor()));
    const memory x(left, processor(), a.bytes.get()), w(right, processor(), b.bytes.get());
    const memory z(result, processor(), y.bytes.get());
    return [=] {
        static stream s(processor());
        primitive.execute(s, {{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, w}, {DNNL_ARG_DST, z}});
        s.wait();
    };
}
#endif

/// - Parameter order: n for a matrix whose rows are rows of the product, t for its transpose.
static void time(
    Random &random, const char *name, ElementType type, int64_t rows, int64_t sum, int64_t columns,
    bool aTransposed, bool bTransposed
) {
    const auto shape = [](int64_t first, int64_t second, bool transposed) {
        return transposed ? std::vector<int64_t>{second, first}
            : std::vector<int64_t>{first, second};
    };
    const Array a = random.array(type, shape(rows, sum, aTransposed));
    const Array b = random.array(type, shape(sum, columns, bTransposed));
    const Array y(type, {rows, columns});
    const std::vector<Setting> settings{
        {"transposes_left", ElementType::boolean, 0, aTransposed},
        {"transposes_right", ElementType::boolean, 0, bTransposed},
    };
    const double operations = 2.0 * rows * sum * columns;
    const int repeats = operations > 5e10 ? 5 : 15;
    std::vector<double> own, other;
#if defined(EPAS_ONEDNN)
    const Array z(type, {rows, columns});
    const auto product = theirs(a, aTransposed, b, bTransposed, z, rows, columns, sum);
    product();
#endif
    call("epas.product", {a, b}, {y}, settings);
    for (int i = 0; i < repeats; ++i) {
        own.push_back(seconds([&] { call("epas.product", {a, b}, {y}, settings); }));
#if defined(EPAS_ONEDNN)
        other.push_back(seconds(product));
#endif
    }
    printf(
        "%-22s %6ld x %6ld x %6ld  %s  %8.3f ms %7.1f GFLOP/s", name, long(rows), long(sum),
        long(columns), type == ElementType::bfloat16 ? "bf16" : "f32 ", median(own) * 1e3,
        operations / median(own) / 1e9);
#if defined(EPAS_ONEDNN)
    double worst = 0;
    for (int64_t i = 0; i < y.count(); ++i) {
        worst = std::max<double>(worst, std::abs(y.at(i) - z.at(i)));
    }
    printf(
        "   oneDNN %8.3f ms %7.1f GFLOP/s (differs by at most %.2g)", median(other) * 1e3,
        operations / median(other) / 1e9, worst);
#endif
    printf("\n");
    fflush(stdout);
}

int main(int count, char **arguments) {
    const int threads = count > 1 ? atoi(arguments[1]) : 4;
    epas_cpu_set_threads(threads);
#if defined(EPAS_ONEDNN)
    omp_set_num_threads(threads);
#endif
    printf("%s, %d threads\n", epas_cpu_instruction_set(), threads);
    Random random{1};
    const int64_t tokens = 2048;
    struct Size {
        const char *name;
        int64_t in, out;
    };
    for (ElementType type : {ElementType::bfloat16, ElementType::float32}) {
        for (Size size :
             {Size{"attention", 768, 768}, {"gate", 768, 2048}, {"down", 2048, 768},
              {"head", 768, 32000}}) {
            const std::string name = size.name;
            time(random, (name + " y").c_str(), type, tokens, size.in, size.out, false, true);
            time(random, (name + " dx").c_str(), type, tokens, size.out, size.in, false, false);
            time(random, (name + " dw").c_str(), type, size.out, tokens, size.in, true, false);
        }
    }
}
