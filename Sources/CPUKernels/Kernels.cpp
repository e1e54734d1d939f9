#include "Kernels.h"

#include "include/CPUKernels.h"

namespace {

template <void (*kernel)(const epas::Call &), const char *target>
epas::Error *handler(const epas::Frame *frame) {
    return epas::answer(frame, target, kernel);
}

constexpr char rmsNormName[] = "epas.rms_norm";
constexpr char addRMSNormName[] = "epas.add_rms_norm";
constexpr char rmsNormGradientName[] = "epas.rms_norm_gradient";
constexpr char swiGLUName[] = "epas.swiglu";
constexpr char swiGLUGradientName[] = "epas.swiglu_gradient";
constexpr char embeddingName[] = "epas.embedding";
constexpr char embeddingGradientName[] = "epas.embedding_gradient";
constexpr char linearName[] = "epas.linear";
constexpr char productName[] = "epas.product";
constexpr char crossEntropyName[] = "epas.cross_entropy";
constexpr char rotaryName[] = "epas.rotary";
constexpr char gatedLinearName[] = "epas.gated_linear";
constexpr char attentionInputsName[] = "epas.attention_inputs";
constexpr char attentionProbabilitiesName[] = "epas.attention_probabilities";
constexpr char attentionMixName[] = "epas.attention_mix";
constexpr char attentionName[] = "epas.attention";
constexpr char attentionGradientName[] = "epas.attention_gradient";
constexpr char sharedAttentionName[] = "epas.shared_attention";
constexpr char sharedAttentionGradientName[] = "epas.shared_attention_gradient";
constexpr char sumOfSquaresName[] = "epas.sum_of_squares";
constexpr char adamWName[] = "epas.adamw";

template <void (*kernel)(const epas::Call &), const char *target> EPASCPUKernel entry() {
    return {target, reinterpret_cast<void *>(&handler<kernel, target>)};
}

}  // namespace

const EPASCPUKernel *epas_cpu_kernels(void) {
    static const EPASCPUKernel kernels[] = {
        entry<epas::rmsNorm, rmsNormName>(),
        entry<epas::addRMSNorm, addRMSNormName>(),
        entry<epas::rmsNormGradient, rmsNormGradientName>(),
        entry<epas::swiGLU, swiGLUName>(),
        entry<epas::swiGLUGradient, swiGLUGradientName>(),
        entry<epas::embedding, embeddingName>(),
        entry<epas::embeddingGradient, embeddingGradientName>(),
        entry<epas::linear, linearName>(),
        entry<epas::product, productName>(),
        entry<epas::crossEntropy, crossEntropyName>(),
        entry<epas::rotary, rotaryName>(),
        entry<epas::gatedLinear, gatedLinearName>(),
        entry<epas::attentionInputs, attentionInputsName>(),
        entry<epas::attentionProbabilities, attentionProbabilitiesName>(),
        entry<epas::attentionMix, attentionMixName>(),
        entry<epas::attention, attentionName>(),
        entry<epas::attentionGradient, attentionGradientName>(),
        entry<epas::sharedAttention, sharedAttentionName>(),
        entry<epas::sharedAttentionGradient, sharedAttentionGradientName>(),
        entry<epas::sumOfSquares, sumOfSquaresName>(),
        entry<epas::adamW, adamWName>(),
        {nullptr, nullptr},
    };
    return kernels;
}

int epas_cpu_kernels_version(void) { return 5; }

void epas_cpu_set_threads(int threads) { epas::ThreadPool::shared().setThreads(threads); }
