//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/lib/Kernels/CudaTest.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <cstring>

using namespace tokopt;
using namespace tokopt::test;

const TargetDescription &test::machineOf(const CudaArchitecture &architecture) {
  for (const KernelTarget *target : getKernelTargets())
    for (const TargetDescription &machine : target->getMachines())
      if (machine.name == architecture.name)
        return machine;
  llvm::report_fatal_error("no target has this architecture");
}

CudaKernelUnderTest::CudaKernelUnderTest(const std::string &text,
                                         const CudaArchitecture &architecture,
                                         const KernelEdit &edit) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<tok::TokDialect, mlir::func::FuncDialect,
                      mlir::arith::ArithDialect, mlir::math::MathDialect,
                      mlir::memref::MemRefDialect>();
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &d) {
    error += d.str() + "\n";
    return mlir::success();
  });
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  if (!module)
    return;
  auto kernels = emitCudaKernels(*module, architecture);
  if (!kernels)
    return;
  if (edit)
    edit(*kernels);
  compile(*kernels, architecture);
}

CudaKernelUnderTest::CudaKernelUnderTest(int64_t pointers,
                                         const CudaArchitecture &architecture,
                                         const KernelBody &fill) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<mlir::func::FuncDialect, mlir::arith::ArithDialect,
                      mlir::LLVM::LLVMDialect, mlir::math::MathDialect,
                      mlir::NVVM::NVVMDialect, mlir::scf::SCFDialect,
                      mlir::vector::VectorDialect>();
  mlir::OpBuilder builder(&context);
  auto module = mlir::OwningOpRef<mlir::ModuleOp>(
      mlir::ModuleOp::create(builder.getUnknownLoc()));
  builder.setInsertionPointToStart(module->getBody());
  mlir::SmallVector<mlir::Type> types(
      pointers, mlir::LLVM::LLVMPointerType::get(&context, 1));
  auto function =
      mlir::func::FuncOp::create(builder, builder.getUnknownLoc(), "kernel",
                                 builder.getFunctionType(types, {}));
  function.addEntryBlock();
  fill(function);
  compile(*module, architecture);
}

void CudaKernelUnderTest::compile(mlir::ModuleOp kernels,
                                  const CudaArchitecture &architecture) {
  llvm::Expected<CudaCode> made = compileCudaModule(kernels, architecture);
  if (!made) {
    error = llvm::toString(made.takeError());
    return;
  }
  compiled = std::move(*made);
  auto simulator = sim::Simulator::create(compiled.llvmIR, kernel().name);
  if (!simulator) {
    error = llvm::toString(simulator.takeError());
    return;
  }
  sim = std::move(*simulator);
}

uint64_t CudaKernelUnderTest::addMap(size_t map, uint64_t address,
                                     int64_t bytes) const {
  const CudaTensorMap &description = kernel().maps.at(map);
  sim::TensorMap made;
  made.base = address;
  made.elementBytes = description.elementBytes;
  made.sizes.assign(description.sizes.begin(), description.sizes.end());
  made.sizes.back() = description.lastSize(bytes);
  made.strides.assign(description.strides.begin(), description.strides.end());
  made.box.assign(description.box.begin(), description.box.end());
  made.swizzle = description.swizzle;
  return sim->addTensorMap(made);
}

void CudaKernelUnderTest::run(uint32_t blocks,
                              llvm::ArrayRef<uint64_t> arguments,
                              uint32_t seed) const {
  sim::Launch launch;
  launch.grid[0] = blocks;
  launch.threads = kernel().threads;
  launch.sharedBytes = kernel().sharedBytes;
  sim::Options options;
  options.seed = seed;
  llvm::Expected<sim::Result> result = sim->run(launch, arguments, options);
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  expectNoReports(*result);
}

std::string test::toText(const sim::Report &report) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  sim::print(stream, report);
  return text;
}

void test::expectNoReports(const sim::Result &result) {
  for (const sim::Report &report : result.reports)
    ADD_FAILURE() << toText(report);
}

const llvm::fltSemantics &test::semanticsOf(const char *type) {
  std::string name = type;
  return name == "f16"    ? llvm::APFloat::IEEEhalf()
         : name == "bf16" ? llvm::APFloat::BFloat()
                          : llvm::APFloat::IEEEsingle();
}

static int64_t strideOf(int64_t columns, const llvm::fltSemantics &type) {
  return llvm::alignTo(columns, 64 * 8 / llvm::APFloat::getSizeInBits(type));
}

DeviceRows::DeviceRows(sim::Simulator &simulator, const char *name,
                       int64_t rows, int64_t columns, bool isHalf,
                       bool isWritten)
    : DeviceRows(simulator, name, rows, columns,
                 semanticsOf(isHalf ? "f16" : "f32"), isWritten) {}

DeviceRows::DeviceRows(sim::Simulator &simulator, const char *name,
                       int64_t rows, int64_t columns,
                       const llvm::fltSemantics &type, bool isWritten)
    : rows(rows), columns(columns), stride(strideOf(columns, type)),
      rowBytes(stride * llvm::APFloat::getSizeInBits(type) / 8), type(type),
      data(llvm::cantFail(
          simulator.addBuffer(name, rows * rowBytes, isWritten))) {}

double DeviceRows::get(int64_t row, int64_t column) const {
  uint64_t bits = 0;
  std::memcpy(&bits, this->row(row) + column * width(), width());
  llvm::APFloat value(type, llvm::APInt(8 * width(), bits));
  bool loses;
  value.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven,
                &loses);
  return value.convertToDouble();
}

void DeviceRows::set(int64_t row, int64_t column, double value) {
  llvm::APFloat number(value);
  bool loses;
  number.convert(type, llvm::APFloat::rmNearestTiesToEven, &loses);
  uint64_t bits = number.bitcastToAPInt().getZExtValue();
  std::memcpy(data + row * rowBytes + column * width(), &bits, width());
}

void DeviceRows::fill(std::mt19937 &random, double low, double high) {
  std::uniform_real_distribution<double> values(low, high);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < stride; ++c)
      set(r, c, c < columns ? values(random) : 0);
}

bool DeviceRows::isUntouched(int64_t row) const {
  const uint8_t *bytes = this->row(row);
  return std::all_of(bytes, bytes + rowBytes,
                     [](uint8_t byte) { return byte == 0xff; });
}

void test::expectAssembles(const CudaCode &code,
                           const CudaArchitecture &architecture) {
  llvm::Expected<std::string> ptxas = findPtxas();
  if (!ptxas)
    GTEST_SKIP() << llvm::toString(ptxas.takeError());
  llvm::Expected<CudaBinary> binary =
      assemblePtx(*ptxas, code.ptx, architecture);
  ASSERT_TRUE(bool(binary)) << llvm::toString(binary.takeError());
  llvm::Error error = checkBinary(*binary);
  EXPECT_FALSE(bool(error)) << llvm::toString(std::move(error));
  ASSERT_EQ(binary->kernels.size(), 1u);
  EXPECT_EQ(binary->kernels[0].name, code.kernels[0].name);
  EXPECT_GT(binary->kernels[0].registers, 0);
  EXPECT_EQ(binary->cubin.substr(1, 3), "ELF");
}
