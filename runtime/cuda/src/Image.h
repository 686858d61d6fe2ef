//===- Image.h - What a kernel image says of itself -------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_CUDA_IMAGE_H_
#define TOKRT_CUDA_IMAGE_H_

#include <cstddef>
#include <cstdint>

namespace tokrt::cuda {

/// A cubin is an ELF file of NVIDIA's.
struct Image {
  bool isCubin = false;
  /// Compute capability times ten of the GPUs that it is for; 0 of PTX.
  int capability = 0;
  /// Version of the tools that made it, 13000 for 13.0; 0 if it does not say.
  int toolkit = 0;

  /// Where a cubin ends by what it says of its parts; those who read it know
  /// nothing else of its size.
  uint64_t end = 0;
  /// PTX is text.
  bool isText = false;

  /// Whether a GPU of this capability runs the code: one of the same major
  /// version that is not older.
  bool runsOn(int device) const {
    return !isCubin || (device / 10 == capability / 10 && device >= capability);
  }
};

/// Reads what `data` says; a file that is damaged says less, or wrong things,
/// and is for the driver to refuse.
Image readImage(const void *data, size_t size);

} // namespace tokrt::cuda

#endif // TOKRT_CUDA_IMAGE_H_
