//===- Templates.h - The CUDA templates -------------------------*- C++ -*-===//

#ifndef TOKOPT_KERNELS_CUDA_TEMPLATES_H
#define TOKOPT_KERNELS_CUDA_TEMPLATES_H

#include "tokopt/Kernel.h"

namespace tokopt::cuda {

const KernelTemplate &rowwiseTemplate();

} // namespace tokopt::cuda

#endif // TOKOPT_KERNELS_CUDA_TEMPLATES_H
