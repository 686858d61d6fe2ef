//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs a CUDA template in the simulator, and assembles what it emits.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_TEST_LIB_KERNELS_CUDATEST_H
#define TOKOPT_TEST_LIB_KERNELS_CUDATEST_H

#include "tokopt/CudaTarget.h"
#include "tokopt/Sim.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/APFloat.h"
#include "gmock/gmock.h"

#include <functional>
#include <random>

namespace tokopt {

/// What names a test.
inline void PrintTo(const CudaArchitecture &architecture, std::ostream *os) {
  *os << architecture.name.str();
}

} // namespace tokopt

namespace tokopt::test {

/// The machine that `architecture` describes, for kernels made of words.
const TargetDescription &machineOf(const CudaArchitecture &architecture);

/// Changes what a template has emitted.
using KernelEdit = std::function<void(mlir::ModuleOp)>;

/// Fills a kernel function, whose arguments are `pointers` to global memory.
using KernelBody = std::function<void(mlir::func::FuncOp)>;

class CudaKernelUnderTest {
public:
  /// The kernel of a module of text that has one `tok.kernel`.
  CudaKernelUnderTest(const std::string &text,
                      const CudaArchitecture &architecture,
                      const KernelEdit &edit = {});
  /// A kernel that `fill` writes with the words of templates.
  CudaKernelUnderTest(int64_t pointers, const CudaArchitecture &architecture,
                      const KernelBody &fill);

  /// What went wrong, or empty.
  const std::string &problem() const { return error; }
  const CudaCode &code() const { return compiled; }
  const CudaKernel &kernel() const { return compiled.kernels.front(); }
  sim::Simulator &simulator() const { return *sim; }

  /// The argument that a launcher makes of map number `map` of the kernel, for
  /// `bytes` of memory at `address`.
  uint64_t addMap(size_t map, uint64_t address, int64_t bytes) const;
  /// Runs `blocks` blocks and fails the test for each report.
  void run(uint32_t blocks, llvm::ArrayRef<uint64_t> arguments,
           uint32_t seed = 0) const;

private:
  void compile(mlir::ModuleOp kernels, const CudaArchitecture &architecture);

  std::string error;
  CudaCode compiled;
  std::unique_ptr<sim::Simulator> sim;
};

/// A matrix of global memory as buffers are laid out: rows padded to 64 bytes.
class DeviceRows {
public:
  DeviceRows(sim::Simulator &simulator, const char *name, int64_t rows,
             int64_t columns, bool isHalf, bool isWritten);
  /// Of f32, f16 or bf16.
  DeviceRows(sim::Simulator &simulator, const char *name, int64_t rows,
             int64_t columns, const llvm::fltSemantics &type, bool isWritten);

  double get(int64_t row, int64_t column) const;
  void set(int64_t row, int64_t column, double value);
  /// Random values, and zeros behind each row.
  void fill(std::mt19937 &random, double low = -1, double high = 1);
  /// Whether nobody has written the row.
  bool isUntouched(int64_t row) const;
  const uint8_t *row(int64_t row) const { return data + row * rowBytes; }
  uint64_t address() const { return reinterpret_cast<uint64_t>(data); }

  const int64_t rows, columns, stride, rowBytes;

private:
  int64_t width() const { return rowBytes / stride; }

  const llvm::fltSemantics &type;
  uint8_t *data;
};

/// f32, f16 or bf16.
const llvm::fltSemantics &semanticsOf(const char *type);

std::string toText(const sim::Report &report);

/// Fails the test for each report.
void expectNoReports(const sim::Result &result);

/// Assembles and checks `code`; skips the test when there is no ptxas.
void expectAssembles(const CudaCode &code,
                     const CudaArchitecture &architecture);

} // namespace tokopt::test

#endif // TOKOPT_TEST_LIB_KERNELS_CUDATEST_H
