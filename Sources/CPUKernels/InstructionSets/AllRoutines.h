// Included by one file per instruction set, which says what it is:
//
//   EPAS_ISA            namespace
//   EPAS_NAME           for users
//   EPAS_ROUTINES       the table to define
//   EPAS_TARGET         the compiler's name of the instruction set, where it is not the default
//   EPAS_FMA            whether there is a fused multiply-add
//   EPAS_BF16_PRODUCTS  whether there are dot products of pairs of bfloat16 numbers
//   EPAS_ROWS           rows of a tile of a matrix product with four outputs
//   EPAS_PRODUCT_ROWS, EPAS_PRODUCT_VECTORS  of a tile of a packed matrix product
//   EPAS_TILE_ROWS, EPAS_TILE_VECTORS  of what a product of tiles keeps in registers
//   EPAS_QUERIES        queries of a tile of attention scores of 32 tokens
//
// Everything is compiled once more for each, with 16 numbers at a time; the compiler splits them
// where registers are shorter.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "../Routines.h"

#if defined(EPAS_TARGET)
#define EPAS_TEXT(text) #text
#define EPAS_ATTRIBUTE(target_) EPAS_TEXT(clang attribute push(__attribute__((target(target_))), apply_to = function))
_Pragma(EPAS_ATTRIBUTE(EPAS_TARGET))
#endif

namespace epas {
namespace EPAS_ISA {

#include "Numbers.h"
#include "RowRoutines.h"
#include "TrainingRowRoutines.h"
#include "OptimizerRoutines.h"
#include "LinearRoutine.h"
#include "Words.h"
#include "ProductRoutine.h"
#include "LimitRoutine.h"
#include "CrossEntropyRoutine.h"
#include "ScoreRoutines.h"
#include "MixRoutines.h"
#include "TileRoutines.h"
#include "TrainingAttentionRoutines.h"
#include "AttentionGradientRoutine.h"

template <class Element> constexpr TypedRoutines<Element> typed() {
    return {
        dotProducts<Element>,
        rmsNorm<Element, Element>, rotary<Element>, swiGLU<Element>, linear<Element>,
        panelWords<Element>, packColumns<Element>, product<Element>, productTiling,
        crossEntropy<Element>,
        scores<Element>, normalize<Element>, mix<Element>, mixRange<Element>, join<Element>,
        trainingAttention<Element>(), trainingRows<Element>(),
    };
}

}  // namespace EPAS_ISA

const Routines EPAS_ROUTINES = {
    EPAS_NAME, EPAS_ISA::typed<float>(), EPAS_ISA::typed<BFloat16>(), EPAS_ISA::optimizer,
};

}  // namespace epas

#if defined(EPAS_TARGET)
#pragma clang attribute pop
#endif
