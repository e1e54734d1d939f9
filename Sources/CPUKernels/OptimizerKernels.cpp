#include "Kernels.h"

namespace epas {

namespace {

/// Cuts tensors into pieces of at most ``size`` numbers, which are divided among the threads: the
/// largest tensors hold ten thousand times as many numbers as the smallest.
class Pieces {
public:
    static constexpr int64_t size = 65536;

    void add(int64_t numbers) { ends.push_back(count() + (numbers + size - 1) / size); }

    int64_t count() const { return ends.empty() ? 0 : ends.back(); }

    /// Calls the body with each piece's index, the tensor that it is of, and its first number.
    template <class Body> void forEach(const Body &body) const {
        ThreadPool::shared().forEach(count(), [&](int64_t piece) {
            const int64_t tensor =
                std::upper_bound(ends.begin(), ends.end(), piece) - ends.begin();
            body(piece, tensor, (piece - (tensor == 0 ? 0 : ends[tensor - 1])) * size);
        });
    }

private:
    std::vector<int64_t> ends;
};

bool isFloat(const Operand &operand) { return operand.type() == ElementType::float32; }

bool isFloatingPoint(const Operand &operand) {
    return isFloat(operand) || operand.type() == ElementType::bfloat16;
}

/// The address of a number of an operand.
char *address(const Operand &operand, int64_t index) {
    return operand.as<char>() + index * (isFloat(operand) ? 4 : 2);
}

float scalar(const Call &call, int64_t index) {
    const Operand operand = call.operand(index);
    require(
        operand.is(ElementType::float32, {}),
        "the learning rate, both corrections and the scale must be scalars of float32");
    return *operand.as<float>();
}

}  // namespace

void sumOfSquares(const Call &call) {
    require(call.operandCount() > 0, "it takes at least one tensor");
    require(call.result().is(ElementType::float32, {}), "the result must be a scalar of float32");
    Pieces pieces;
    for (int64_t i = 0; i < call.operandCount(); ++i) {
        require(isFloatingPoint(call.operand(i)), "the tensors must be of float32 or bfloat16");
        pieces.add(call.operand(i).count());
    }
    std::vector<double> sums(pieces.count());
    pieces.forEach([&](int64_t piece, int64_t tensor, int64_t first) {
        const Operand operand = call.operand(tensor);
        sums[piece] = routines().optimizer.sumOfSquares(
            address(operand, first), isFloat(operand),
            std::min(Pieces::size, operand.count() - first));
    });
    double sum = 0;
    for (double each : sums) sum += each;
    *call.result().as<float>() = static_cast<float>(sum);
}

void adamW(const Call &call) {
    constexpr int64_t scalars = 5;
    const int64_t tensors = (call.operandCount() - scalars) / 4;
    require(
        tensors > 0 && call.operandCount() == scalars + 4 * tensors
            && call.resultCount() == 3 * tensors,
        "it takes five scalars, then parameters, first moments, second moments and gradients, as "
        "many of each, and gives all but the gradients");
    const double beta1 = call.float64("beta1"), beta2 = call.float64("beta2");
    const AdamWRates rates{
        scalar(call, 0), scalar(call, 1), scalar(call, 2), scalar(call, 3),
        static_cast<float>(beta1), static_cast<float>(1 - beta1),
        static_cast<float>(beta2), static_cast<float>(1 - beta2),
        static_cast<float>(call.float64("epsilon")),
    };
    require(
        call.operand(4).is(ElementType::boolean, {}), "whether to update must be a scalar boolean");
    const auto operand = [&](int64_t kind, int64_t tensor) {
        return call.operand(scalars + kind * tensors + tensor);
    };
    Pieces pieces;
    std::vector<AdamWPiece> whole;
    for (int64_t i = 0; i < tensors; ++i) {
        const Operand parameter = operand(0, i), first = operand(1, i), second = operand(2, i);
        const Operand gradient = operand(3, i);
        require(isFloat(parameter), "the parameters must be of float32");
        require(
            isFloatingPoint(first) && first.hasDimensions(parameter)
                && second.type() == first.type() && second.hasDimensions(parameter),
            "a parameter's moments must be of its shape, both of float32 or both of bfloat16");
        require(
            isFloatingPoint(gradient) && gradient.hasDimensions(parameter),
            "a parameter's gradient must be of its shape, of float32 or bfloat16");
        for (int64_t kind = 0; kind < 3; ++kind) {
            const Operand given = operand(kind, i), result = call.result(kind * tensors + i);
            require(
                result.type() == given.type() && result.hasDimensions(given)
                    && result.data() == given.data(),
                "the results must be the parameters and moments themselves");
        }
        whole.push_back(
            {parameter.as<float>(), first.data(), second.data(), gradient.data(), isFloat(first),
             isFloat(gradient), 0, parameter.count()});
        pieces.add(parameter.count());
    }
    const float decay = static_cast<float>(call.float64("weight_decay"));
    for (int64_t tensor : call.int64s("decayed")) {
        require(tensor >= 0 && tensor < tensors, "a tensor that decays is not among the operands");
        whole[tensor].decay = decay;
    }
    if (!*call.operand(4).as<bool>()) return;
    pieces.forEach([&](int64_t, int64_t tensor, int64_t first) {
        AdamWPiece piece = whole[tensor];
        piece.parameter += first;
        piece.first = address(operand(1, tensor), first);
        piece.second = address(operand(2, tensor), first);
        piece.gradient = address(operand(3, tensor), first);
        piece.count = std::min(Pieces::size, piece.count - first);
        routines().optimizer.adamW(rates, piece);
    });
}

}  // namespace epas
