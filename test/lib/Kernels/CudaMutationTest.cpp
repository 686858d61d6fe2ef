//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Mechanical faults in the code of templates: barriers, fences and waits
// dropped, scopes and waits weakened, indices and bounds shifted by one,
// exchanges with the wrong lane. What the tests of the templates check must
// notice them.
//
//===----------------------------------------------------------------------===//

#include "test/lib/Kernels/CudaAttention.h"
#include "test/lib/Kernels/CudaLinear.h"
#include "test/lib/Kernels/CudaNorm.h"
#include "test/lib/Kernels/CudaNotice.h"

#include "tokopt/CudaAssembly.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>
#include <map>
#include <utility>

using namespace mlir;
using namespace tokopt;
using namespace tokopt::test;

namespace {

enum class Fault {
  NoBarrier,
  NoWarpBarrier,
  NoFence,
  FenceOfBlock,
  AtomicOfBlock,
  ShiftedIndex,
  ShiftedBound,
  WrongLane,
  NoCopyWait,
  ShortCopyWait,
  NoCopyGroup,
  NoArrival,
  WrongParity,
  OtherBytes,
  NoProxyFence,
  ShortProductWait,
  NoProductGroup,
  ShiftedDescriptor,
  NoNamedBarrier,
  OtherNamedBarrier,
  OtherThreads,
  NoRegisters,
  OtherRegisters
};

const char *nameOf(Fault fault) {
  switch (fault) {
  case Fault::NoBarrier:
    return "no barrier";
  case Fault::NoWarpBarrier:
    return "no barrier of the warp";
  case Fault::NoFence:
    return "no fence";
  case Fault::FenceOfBlock:
    return "a fence of the block only";
  case Fault::AtomicOfBlock:
    return "an atomic of the block only";
  case Fault::ShiftedIndex:
    return "an address 16 bytes further on";
  case Fault::ShiftedBound:
    return "a bound that is one off";
  case Fault::WrongLane:
    return "an exchange with the wrong lane";
  case Fault::NoCopyWait:
    return "no wait for copies";
  case Fault::ShortCopyWait:
    return "a wait for one group of copies less";
  case Fault::NoCopyGroup:
    return "copies in the next group";
  case Fault::NoArrival:
    return "no arrival at a barrier in shared memory";
  case Fault::WrongParity:
    return "a wait for the phase before";
  case Fault::OtherBytes:
    return "16 bytes more expected";
  case Fault::NoProxyFence:
    return "no fence between the proxies";
  case Fault::ShortProductWait:
    return "a wait for one group of products less";
  case Fault::NoProductGroup:
    return "products in the next group";
  case Fault::ShiftedDescriptor:
    return "a matrix 16 bytes further on";
  case Fault::NoNamedBarrier:
    return "no barrier of some warps";
  case Fault::OtherNamedBarrier:
    return "the next barrier of some warps";
  case Fault::OtherThreads:
    return "a barrier of one warp less";
  case Fault::NoRegisters:
    return "registers as before";
  case Fault::OtherRegisters:
    return "eight registers more";
  }
  llvm_unreachable("a fault without a name");
}

/// Whether `op` is inline assembly of a kind; if `doIt`, then it is edited.
bool editAssembly(Operation *op, CudaAssembly::Kind kind, bool doIt,
                  llvm::function_ref<void(CudaAssembly &)> edit) {
  auto assembly = dyn_cast<LLVM::InlineAsmOp>(op);
  if (!assembly)
    return false;
  auto form =
      CudaAssembly::parse(assembly.getAsmString(), assembly.getConstraints());
  if (!form || form->kind != kind)
    return false;
  if (doIt) {
    edit(*form);
    assembly.setAsmString(form->text());
  }
  return true;
}

/// Whether `op` can have the fault; if `doIt`, then it has.
bool inject(Operation *op, Fault fault, bool doIt) {
  // What nobody reads can have no fault.
  if (isOpTriviallyDead(op))
    return false;
  OpBuilder b(op);
  auto drop = [&](bool isRight) {
    if (isRight && doIt)
      op->erase();
    return isRight;
  };
  auto narrow = [&](auto other) {
    if (other && doIt)
      other.setSyncscope("block");
    return bool(other);
  };
  auto namedBarrier = dyn_cast<NVVM::BarrierOp>(op);
  bool isNamed = isa<NVVM::BarrierArriveOp>(op) ||
                 (namedBarrier && namedBarrier.getBarrierId());
  auto shift = [&](OpOperand &operand, int64_t by) {
    if (!doIt)
      return true;
    Value more =
        arith::ConstantOp::create(b, op->getLoc(), b.getI32IntegerAttr(by));
    operand.set(arith::AddIOp::create(b, op->getLoc(), operand.get(), more));
    return true;
  };
  switch (fault) {
  case Fault::NoBarrier:
    return drop(isa<NVVM::Barrier0Op>(op));
  case Fault::NoWarpBarrier:
    return drop(isa<NVVM::SyncWarpOp>(op));
  case Fault::NoFence:
    return drop(isa<LLVM::FenceOp>(op));
  case Fault::FenceOfBlock:
    return narrow(dyn_cast<LLVM::FenceOp>(op));
  case Fault::AtomicOfBlock:
    return narrow(dyn_cast<LLVM::AtomicRMWOp>(op));
  case Fault::ShiftedIndex: {
    auto address = dyn_cast<LLVM::GEPOp>(op);
    if (!address || address.getDynamicIndices().empty())
      return false;
    if (doIt) {
      Value index = address.getDynamicIndices()[0];
      Value more = arith::ConstantOp::create(
          b, op->getLoc(), b.getIntegerAttr(index.getType(), 16));
      Value shifted = arith::AddIOp::create(b, op->getLoc(), index, more);
      address.getDynamicIndicesMutable()[0].set(shifted);
    }
    return true;
  }
  case Fault::ShiftedBound: {
    auto compare = dyn_cast<arith::CmpIOp>(op);
    bool isLess =
        compare && compare.getPredicate() == arith::CmpIPredicate::slt;
    if (!isLess &&
        (!compare || compare.getPredicate() != arith::CmpIPredicate::sle))
      return false;
    if (doIt)
      compare.setPredicate(isLess ? arith::CmpIPredicate::sle
                                  : arith::CmpIPredicate::slt);
    return true;
  }
  case Fault::WrongLane: {
    auto exchange = dyn_cast<NVVM::ShflOp>(op);
    if (exchange && doIt) {
      Value nobody =
          arith::ConstantOp::create(b, op->getLoc(), b.getI32IntegerAttr(0));
      exchange.getOffsetMutable().set(nobody);
    }
    return bool(exchange);
  }
  case Fault::NoCopyWait:
    return drop(isa<NVVM::CpAsyncWaitGroupOp>(op));
  case Fault::ShortCopyWait: {
    auto wait = dyn_cast<NVVM::CpAsyncWaitGroupOp>(op);
    if (wait && doIt)
      wait.setN(wait.getN() + 1);
    return bool(wait);
  }
  case Fault::NoCopyGroup:
    return drop(isa<NVVM::CpAsyncCommitGroupOp>(op));
  case Fault::NoArrival:
    return drop(isa<NVVM::MBarrierArriveOp>(op));
  case Fault::WrongParity: {
    auto wait = dyn_cast<NVVM::MBarrierTryWaitOp>(op);
    if (wait && doIt) {
      Value one =
          arith::ConstantOp::create(b, op->getLoc(), b.getI32IntegerAttr(1));
      wait.getStateOrPhaseMutable().set(
          arith::XOrIOp::create(b, op->getLoc(), wait.getStateOrPhase(), one));
    }
    return bool(wait);
  }
  case Fault::OtherBytes: {
    auto arrival = dyn_cast<NVVM::MBarrierArriveExpectTxOp>(op);
    if (arrival && doIt) {
      Value more =
          arith::ConstantOp::create(b, op->getLoc(), b.getI32IntegerAttr(16));
      arrival.getTxcountMutable().set(
          arith::AddIOp::create(b, op->getLoc(), arrival.getTxcount(), more));
    }
    return bool(arrival);
  }
  case Fault::NoProxyFence:
    return drop(isa<NVVM::FenceProxyOp, NVVM::FenceMbarrierInitOp>(op));
  case Fault::ShortProductWait:
    return editAssembly(op, CudaAssembly::Kind::Wait, doIt,
                        [](CudaAssembly &form) { ++form.pending; });
  case Fault::NoProductGroup:
    return drop(isa<NVVM::WgmmaGroupSyncAlignedOp>(op));
  case Fault::ShiftedDescriptor: {
    // The last operand of a product.
    auto product = dyn_cast<LLVM::InlineAsmOp>(op);
    if (!editAssembly(op, CudaAssembly::Kind::Multiply, /*doIt=*/false, {}))
      return false;
    if (doIt) {
      Value one =
          arith::ConstantOp::create(b, op->getLoc(), b.getI64IntegerAttr(1));
      OpOperand &last = op->getOpOperand(op->getNumOperands() - 1);
      last.set(arith::AddIOp::create(b, op->getLoc(), last.get(), one));
    }
    return bool(product);
  }
  case Fault::NoNamedBarrier:
    return drop(isNamed);
  case Fault::OtherNamedBarrier:
    return isNamed && shift(op->getOpOperand(0), 1);
  case Fault::OtherThreads:
    return isNamed && shift(op->getOpOperand(1), -32);
  case Fault::NoRegisters:
    return drop(isa<NVVM::SetMaxRegisterOp>(op));
  case Fault::OtherRegisters: {
    auto change = dyn_cast<NVVM::SetMaxRegisterOp>(op);
    if (change && doIt)
      change.setRegCount(change.getRegCount() + 8);
    return bool(change);
  }
  }
  llvm_unreachable("a fault without a meaning");
}

/// How many ops of `module` can have a fault, with the one of number `wanted`
/// having it, and the line of that one.
int64_t walk(ModuleOp module, Fault fault, int64_t wanted,
             std::string *line = nullptr) {
  SmallVector<Operation *> ops;
  module.walk([&](Operation *op) {
    if (inject(op, fault, /*doIt=*/false))
      ops.push_back(op);
  });
  int64_t count = ops.size();
  if (wanted < 0 || wanted >= count)
    return count;
  Operation *op = ops[wanted];
  if (auto place = dyn_cast<FileLineColLoc>(op->getLoc()); place && line)
    *line =
        (place.getFilename().getValue() + ":" + Twine(place.getLine())).str();
  inject(op, fault, /*doIt=*/true);
  return count;
}

const CudaArchitecture &architecture() {
  return *findCudaArchitecture("sm_80");
}

/// Decode attention, two blocks a row.
Notice noticeInDecode(const AttentionShape &shape, const KernelEdit &edit) {
  AttentionRun run(shape, architecture(), edit);
  if (!run.problem().empty())
    return Notice::ofUntested(run.problem());
  const std::vector<StepRow> step = onesAt({1099, 63, 64, -1, 600});
  std::vector<float> whole;
  for (int32_t splits : {1, 3}) {
    std::vector<float> out;
    std::string left;
    llvm::Expected<sim::Result> result =
        run.run(step, splits, /*seed=*/splits, out, left);
    if (!result)
      return Notice::ofUntested(llvm::toString(result.takeError()));
    if (!result->reports.empty())
      return toText(result->reports.front());
    std::string difference = run.findDifference(step, out);
    if (!difference.empty() || !left.empty())
      return difference + left;
    if (splits == 1)
      whole = out;
    else if (whole != out)
      return "other bits with another number of splits";
  }
  return "";
}

/// A window, slots beyond the last, heads that are padded.
Notice noticeInAttention(const KernelEdit &edit) {
  return noticeInDecode({.heads = 2,
                         .group = 3,
                         .keySize = 96,
                         .valueSize = 64,
                         .window = 600,
                         .type = "f16"},
                        edit);
}

/// The same of bytes, which have scales.
Notice noticeInRoundedAttention(const KernelEdit &edit) {
  return noticeInDecode({.heads = 2,
                         .group = 2,
                         .keySize = 48,
                         .valueSize = 64,
                         .window = 600,
                         .type = "i8"},
                        edit);
}

/// Rows whose first and last slots are, with a window of 100, in each place of
/// the first and the second block that a thread copies, and in some of the
/// third. Neighbours are of other sequences, and the fifth row after one of the
/// same.
std::vector<StepRow> rowsOfOthers() {
  std::vector<StepRow> rows;
  int32_t number = 0;
  for (int32_t position : {0, -1, 20, 39, 50, 64, 85, 105, 117, 134, 147})
    rows.push_back({1 + number++ % 5, position});
  return rows;
}

/// The same of chunks of prompts and rows of others, on tensor cores, with a
/// window and pages of two blocks. A row has the same bits wherever it stands,
/// and nothing is copied or multiplied that no row sees.
Notice noticeInPrefillOn(const CudaArchitecture &architecture,
                         const KernelEdit &edit) {
  AttentionRun run({.heads = 1,
                    .group = 2,
                    .page = 128,
                    .window = 100,
                    .type = "f16",
                    .stages = 3,
                    .compute = "f16"},
                   architecture, edit);
  if (!run.problem().empty())
    return Notice::ofUntested(run.problem());
  auto join = [](const std::vector<std::vector<StepRow>> &parts) {
    std::vector<StepRow> rows;
    for (const std::vector<StepRow> &part : parts)
      rows.insert(rows.end(), part.begin(), part.end());
    return rows;
  };
  // Each lane finds the ends of runs among its rows, which stand in both halves
  // of a tile: rows of others before and behind a chunk, whose last slot is in
  // the places of the third block that are left. Of the chunks alone, the first
  // and the last slot of a row are in each place that a lane masks; then a
  // first row that begins a block before the others, and a last one that ends a
  // block behind them; rows of which the first eight do not see to the end of a
  // block; and a last row of a tile that sees more than the others. At last
  // runs that end in each quarter of a tile of 128, before a row that sees
  // earlier blocks.
  std::map<std::pair<int32_t, int32_t>, std::vector<float>> seen;
  for (const std::vector<StepRow> &rows :
       {join({rowsOfOthers(), chunkOf(0, 190, 226), rowsOfOthers()}),
        join({chunkOf(0, 160, 182), rowsOfOthers(), chunkOf(4, 15, 40)}),
        chunkOf(0, 198, 262), chunkOf(0, 226, 257), chunkOf(0, 247, 272),
        join({chunkOf(6, 0, 63), chunkOf(0, 261, 263)}),
        join({chunkOf(0, 190, 210), rowsOfOthers(), chunkOf(0, 211, 226),
              rowsOfOthers(), chunkOf(0, 227, 247), rowsOfOthers(),
              chunkOf(0, 248, 262), rowsOfOthers()})}) {
    std::vector<float> out;
    std::string left;
    llvm::Expected<sim::Result> result =
        run.run(rows, /*splits=*/1, /*seed=*/rows.size(), out, left);
    if (!result)
      return Notice::ofUntested(llvm::toString(result.takeError()));
    if (!result->reports.empty())
      return toText(result->reports.front());
    std::string wrong = run.findDifference(rows, out) + left +
                        run.findNeedlessWork(rows, result->statistics);
    if (!wrong.empty())
      return wrong;
    size_t columns = out.size() / rows.size();
    for (size_t r = 0; r < rows.size(); ++r) {
      auto begin = out.begin() + static_cast<ptrdiff_t>(r * columns);
      std::vector<float> row(begin, begin + static_cast<ptrdiff_t>(columns));
      auto [before, isNew] =
          seen.try_emplace({rows[r].sequence, rows[r].position}, row);
      if (!isNew && before->second != row)
        return "other bits in other company";
    }
  }
  return "";
}

Notice noticeInPrefill(const KernelEdit &edit) {
  return noticeInPrefillOn(architecture(), edit);
}

Notice noticeInWarpgroups(const KernelEdit &edit) {
  return noticeInPrefillOn(*findCudaArchitecture("sm_90a"), edit);
}

/// The same of a residual and a norm, whose rows end where the next begin.
Notice noticeInNorm(const KernelEdit &edit) {
  constexpr int64_t kColumns = 1008, kRows = 5, kBegin = 1, kEnd = 4;
  CudaKernelUnderTest test(
      residualNorm(kColumns, "f32", "f32", /*isWeighted=*/true), architecture(),
      edit);
  if (!test.problem().empty())
    return Notice::ofUntested(test.problem());
  auto rows = [&](const char *name, int64_t count, bool isWritten) {
    return DeviceRows(test.simulator(), name, count, kColumns, false,
                      isWritten);
  };
  DeviceRows x = rows("x", kRows, true), r = rows("r", kRows, true),
             y = rows("y", kRows, false), w = rows("w", 1, true);
  std::mt19937 random(1);
  x.fill(random);
  r.fill(random);
  w.fill(random, 1, 2);
  std::vector<std::vector<double>> sums(kRows);
  for (int64_t row = 0; row < kRows; ++row)
    for (int64_t c = 0; c < kColumns; ++c)
      sums[row].push_back(x.get(row, c) + r.get(row, c));
  // Rows outside of the launch must not be read.
  for (const DeviceRows *other : {&x, &r}) {
    test.simulator().setWritten(other->row(0), other->rowBytes, false);
    test.simulator().setWritten(other->row(kEnd), other->rowBytes, false);
  }
  sim::Launch launch;
  launch.grid[0] = kEnd - kBegin + 1;
  launch.threads = test.kernel().threads;
  launch.sharedBytes = test.kernel().sharedBytes;
  llvm::Expected<sim::Result> result = test.simulator().run(
      launch, {0, kBegin, kEnd, 0, w.address(), x.address(), r.address(),
               x.address(), y.address()});
  if (!result)
    return Notice::ofUntested(llvm::toString(result.takeError()));
  if (!result->reports.empty())
    return toText(result->reports.front());
  for (int64_t row = 0; row < kRows; ++row) {
    if (row < kBegin || row >= kEnd) {
      if (!y.isUntouched(row))
        return "a row that is not of the launch is written";
      continue;
    }
    double squares = 0;
    for (int64_t c = 0; c < kColumns; ++c)
      squares += w.get(0, c) * sums[row][c] * sums[row][c];
    double root = std::sqrt(squares / kColumns + kNormEpsilon);
    for (int64_t c = 0; c < y.stride; ++c) {
      double s = c < kColumns ? sums[row][c] : 0;
      double norm = c < kColumns ? s / root * w.get(0, c) : 0;
      // Not a number is never near.
      if (!(std::fabs(y.get(row, c) - norm) <= 1e-5 * std::fabs(norm)) ||
          !(std::fabs(x.get(row, c) - s) <= 1e-6 * std::fabs(s)))
        return "other values";
    }
  }
  return "";
}

/// Packed weights of which a panel has none beside it, tiles with one to three
/// groups, warps with more of them than stages. The kernels differ in constants
/// alone.
Notice noticeInPacked(const KernelEdit &edit) {
  LinearShape shape{.format = "q4_1",
                    .outputs = 40,
                    .columns = 864,
                    .epilogue = Epilogue::BiasResidual,
                    .warps = 2,
                    .stages = 3};
  // Where warps have a tile each, the first copies have the last groups.
  std::vector<LinearShape> shapes(6, shape);
  shapes[1].columns = 832;
  shapes[2].columns = 800;
  shapes[3].columns = 192;
  shapes[4].columns = 224;
  shapes[5].columns = 160;
  return noticeInLinears(shapes, edit);
}

/// Two matrices, whose blocks are two tiles; warps with none, one and more of
/// them.
Notice noticeInGated(const KernelEdit &edit) {
  LinearShape shape{.format = "q6_k",
                    .outputs = 40,
                    .columns = 512,
                    .epilogue = Epilogue::Gated,
                    .rowTile = 16,
                    .warps = 8,
                    .stages = 2};
  std::vector<LinearShape> shapes(2, shape);
  shapes[1].columns = 2304;
  return noticeInLinears(shapes, edit);
}

/// Weights of f16, with columns that are none of a tile, and panels from each
/// of those that threads copy at once.
Notice noticeInGemm(const KernelEdit &edit) {
  LinearShape shape{.format = "f16",
                    .outputs = 150,
                    .columns = 224,
                    .epilogue = Epilogue::BiasResidual,
                    .rowTile = 32,
                    .stages = 3};
  std::vector<LinearShape> shapes(4, shape);
  shapes[1].outputs = 134;
  shapes[1].columns = 96;
  shapes[2].outputs = 200;
  shapes[3].outputs = 230;
  return noticeInLinears(shapes, edit);
}

/// A kernel that is tried.
struct Subject {
  const char *name;
  Notice (*notice)(const KernelEdit &edit);
};

constexpr Subject kAttention = {"attention", noticeInAttention},
                  kPrefill = {"prefill", noticeInPrefill},
                  kWarpgroups = {"prefill by warpgroups", noticeInWarpgroups},
                  kNorm = {"rowwise", noticeInNorm},
                  kPacked = {"packed linear", noticeInPacked},
                  kGated = {"gated linear", noticeInGated},
                  kGemm = {"linear of many rows", noticeInGemm},
                  kHeadNorm = {"rowwise of groups", noticeInHeadNorm},
                  kRounded = {"rounded rows", noticeInGate},
                  kAppend = {"append", noticeInAppend},
                  kRoundedAppend = {"rounded append", noticeInRoundedAppend},
                  kRoundedAttention = {"attention over bytes",
                                       noticeInRoundedAttention};

struct Mutation {
  const Subject *subject;
  Fault fault;
  int64_t number;
};

constexpr Fault kFaults[] = {
    Fault::NoBarrier,        Fault::NoWarpBarrier,     Fault::NoFence,
    Fault::FenceOfBlock,     Fault::AtomicOfBlock,     Fault::ShiftedIndex,
    Fault::ShiftedBound,     Fault::WrongLane,         Fault::NoCopyWait,
    Fault::ShortCopyWait,    Fault::NoCopyGroup,       Fault::NoArrival,
    Fault::WrongParity,      Fault::OtherBytes,        Fault::NoProxyFence,
    Fault::ShortProductWait, Fault::NoProductGroup,    Fault::ShiftedDescriptor,
    Fault::NoNamedBarrier,   Fault::OtherNamedBarrier, Fault::OtherThreads,
    Fault::NoRegisters,      Fault::OtherRegisters};

/// At most `most` of each fault, evenly over the kernel.
void chooseMutations(const Subject &subject, int64_t most,
                     std::vector<Mutation> &chosen) {
  // A subject may be several kernels of one structure.
  bool isFirst = true;
  subject.notice([&](ModuleOp module) {
    if (!std::exchange(isFirst, false))
      return;
    for (Fault fault : kFaults) {
      int64_t count = walk(module, fault, -1), wanted = std::min(count, most);
      for (int64_t i = 0; i < wanted; ++i)
        chosen.push_back({&subject, fault, i * count / wanted});
    }
  });
}

/// What became of mutations. One whose kernel could not be compiled or launched
/// says nothing of the tests.
struct Tally {
  size_t noticed = 0, survived = 0, untested = 0;

  size_t tested() const { return noticed + survived; }
};

/// Runs mutations; those that were not noticed are printed.
Tally tryMutations(llvm::ArrayRef<Mutation> mutations) {
  Tally tally;
  for (const Mutation &mutation : mutations) {
    std::string line;
    Notice notice = mutation.subject->notice([&](ModuleOp module) {
      walk(module, mutation.fault, mutation.number, &line);
    });
    auto say = [&](const char *what) -> llvm::raw_ostream & {
      return llvm::outs() << what << ": " << nameOf(mutation.fault) << " at "
                          << line << " (" << mutation.subject->name
                          << ", number " << mutation.number << ")";
    };
    if (!notice.isTested) {
      ++tally.untested;
      say("cannot be run") << ": " << notice.text << "\n";
    } else if (notice.isSilent()) {
      ++tally.survived;
      say("survives") << "\n";
    } else {
      ++tally.noticed;
    }
    llvm::outs().flush();
  }
  return tally;
}

/// Nothing is noticed where nothing is wrong.
TEST(CudaMutation, SparesTheTemplates) {
  for (const Subject *subject :
       {&kAttention, &kRoundedAttention, &kPrefill, &kWarpgroups, &kNorm,
        &kHeadNorm, &kRounded, &kAppend, &kRoundedAppend})
    EXPECT_TRUE(subject->notice({}).isSilent())
        << subject->name << ": " << subject->notice({}).text;
}

/// A kernel that does not compile has not been noticed by any test.
TEST(CudaMutation, CountsWhatIsTested) {
  constexpr Subject kBroken = {"broken", [](const KernelEdit &) {
                                 CudaKernelUnderTest test("no module",
                                                          architecture());
                                 return Notice::ofUntested(test.problem());
                               }};
  Tally tally = tryMutations({{&kBroken, Fault::NoBarrier, 0}});
  EXPECT_EQ(tally.tested(), 0u);
  EXPECT_EQ(tally.untested, 1u);
}

TEST(CudaMutation, IsNoticed) {
  const Mutation few[] = {
      {&kAttention, Fault::NoBarrier, 0},
      {&kAttention, Fault::NoWarpBarrier, 0},
      {&kAttention, Fault::NoFence, 0},
      {&kAttention, Fault::NoFence, 1},
      {&kAttention, Fault::AtomicOfBlock, 0},
      {&kAttention, Fault::ShiftedIndex, 20},
      {&kPrefill, Fault::NoBarrier, 1},
      {&kPrefill, Fault::ShortCopyWait, 0},
      {&kPrefill, Fault::ShiftedIndex, 40},
      {&kWarpgroups, Fault::NoProxyFence, 0},
      {&kWarpgroups, Fault::NoArrival, 1},
      {&kWarpgroups, Fault::ShortProductWait, 1},
      {&kWarpgroups, Fault::NoNamedBarrier, 0},
      {&kWarpgroups, Fault::OtherRegisters, 0},
      {&kNorm, Fault::NoBarrier, 0},
      {&kNorm, Fault::WrongLane, 0},
      {&kPacked, Fault::NoWarpBarrier, 0},
      {&kPacked, Fault::ShortCopyWait, 0},
      {&kGemm, Fault::ShiftedIndex, 10},
      {&kHeadNorm, Fault::WrongLane, 2},
      {&kRounded, Fault::WrongLane, 1},
      {&kRounded, Fault::ShiftedIndex, 5},
      {&kAppend, Fault::ShiftedIndex, 5},
      {&kRoundedAppend, Fault::WrongLane, 2},
      {&kRoundedAttention, Fault::ShiftedIndex, 20},
  };
  EXPECT_EQ(tryMutations(few).noticed, std::size(few));
}

/// Holds mutations to the share that must be noticed. Some survive because they
/// are no faults, and no check could notice them:
///
/// - The ring of a warp (PackedEmitter::ring) as a whole lies 16 bytes further
///   on. It ends in the padding of an input's row, which nobody uses
///   (PackedInputs::kRowBytes). So do the second barriers of a TensorRing,
///   behind which bytes fill up to the alignment of its stages.
/// - RoundedRow::store and CacheRow::store ask for the column of a chunk whose
///   columns all exist.
/// - RowwiseEmitter::results computes a chunk behind the row, which is not
///   stored; RowwiseEmitter::partner finds one for a column that does not
///   rotate, whose sine is zero.
/// - PrefillTile::mask takes the way of a block that is seen in part where its
///   last slot is the last that is seen: the numbers are the same.
void expectMostNoticed(const std::vector<Mutation> &mutations,
                       const char *where) {
  Tally tally = tryMutations(mutations);
  llvm::outs() << "ok " << tally.noticed << " of " << tally.tested()
               << " mutations of " << where << " are noticed; "
               << tally.untested << " more cannot be run\n";
  llvm::outs().flush();
  EXPECT_GE(tally.tested(), 40u);
  EXPECT_GE(tally.noticed * 10, tally.tested() * 9);
}

// scripts/soak runs these.
TEST(CudaMutation, DISABLED_AreNoticed) {
  std::vector<Mutation> mutations;
  chooseMutations(kAttention, /*most=*/10, mutations);
  chooseMutations(kNorm, /*most=*/5, mutations);
  chooseMutations(kHeadNorm, /*most=*/5, mutations);
  chooseMutations(kRounded, /*most=*/5, mutations);
  chooseMutations(kAppend, /*most=*/5, mutations);
  chooseMutations(kRoundedAppend, /*most=*/5, mutations);
  chooseMutations(kRoundedAttention, /*most=*/5, mutations);
  expectMostNoticed(mutations, "CUDA templates for few rows");
}

TEST(CudaMutation, DISABLED_AreNoticedInLinear) {
  for (const Subject *subject : {&kPacked, &kGated, &kGemm})
    EXPECT_TRUE(subject->notice({}).isSilent()) << subject->name;
  std::vector<Mutation> mutations;
  for (const Subject *subject : {&kPacked, &kGated, &kGemm})
    chooseMutations(*subject, /*most=*/8, mutations);
  expectMostNoticed(mutations, "linears");
}

TEST(CudaMutation, DISABLED_AreNoticedInPrefill) {
  std::vector<Mutation> mutations;
  chooseMutations(kPrefill, /*most=*/12, mutations);
  expectMostNoticed(mutations, "attention on tensor cores");
}

TEST(CudaMutation, DISABLED_AreNoticedInWarpgroups) {
  std::vector<Mutation> mutations;
  chooseMutations(kWarpgroups, /*most=*/8, mutations);
  expectMostNoticed(mutations, "attention by warpgroups");
}

} // namespace
