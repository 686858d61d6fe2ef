//===- Compile.cpp - From a model to a bundle -----------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Compile.h"

#include "dialects/Tok/TokOps.h"
#include "tokopt/Import.h"
#include "tokopt/Pipelines.h"
#include "tokopt/Reference.h"
#include "tokopt/Target.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;
using namespace tokopt;

static Error failed(const CompileOptions &options, const Twine &what) {
  return createStringError(options.model + ": " + what);
}

/// What goldens are held to where activations or caches are rounded.
static constexpr double kRoundingTolerance = 0.1;

namespace {

/// Keeps the first error that MLIR reports, so that a failure is one line.
class FirstError {
public:
  explicit FirstError(mlir::MLIRContext &context)
      : handler(&context, [this](mlir::Diagnostic &diagnostic) {
          if (diagnostic.getSeverity() != mlir::DiagnosticSeverity::Error)
            return mlir::failure();
          if (text.empty())
            describe(diagnostic);
          return mlir::success();
        }) {}

  /// `what` and the error.
  std::string explain(const Twine &what) const {
    return (what + (text.empty() ? "" : ": ") + text).str();
  }

private:
  void describe(const mlir::Diagnostic &diagnostic) {
    raw_string_ostream os(text);
    if (auto place =
            diagnostic.getLocation()->findInstanceOf<mlir::FileLineColLoc>())
      os << "line " << place.getLine() << ", column " << place.getColumn()
         << ": ";
    os << StringRef(diagnostic.str()).split('\n').first;
  }

  std::string text;
  mlir::ScopedDiagnosticHandler handler;
};

} // namespace

/// Whether `path` is that of a module rather than of a model file.
static bool isModule(StringRef path) {
  StringRef extension = sys::path::extension(path);
  return extension == ".mlir" || extension == ".mlirbc";
}

/// Reads a GGUF file, or a module that `tokopt-import` or `tokopt-opt` wrote.
static Expected<mlir::OwningOpRef<mlir::ModuleOp>>
readModel(const CompileOptions &options, mlir::MLIRContext &context) {
  FirstError error(context);
  if (!isModule(options.model))
    return importModel(options.model, sys::path::filename(options.model),
                       context);
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(options.model, &context);
  if (!module)
    return failed(options,
                  error.explain("cannot be read as a module of the tok "
                                "dialect"));
  return module;
}

/// How far a module has been lowered: each level of IR can be written to a
/// file, edited and compiled from there.
enum class Stage { Model, Program, Code };

static Stage stageOf(mlir::ModuleOp module) {
  // Of the LLVM dialect, too.
  for (auto function : module.getOps<mlir::FunctionOpInterface>()) {
    ArrayRef<mlir::Type> inputs = function.getArgumentTypes();
    if (!function.isPrivate() && inputs.size() == 2 &&
        isa<mlir::LLVM::LLVMPointerType>(inputs[0]))
      return Stage::Code; // step(frame, worker)
  }
  return module->hasAttr(tok::kProgramAttrName) ? Stage::Program : Stage::Model;
}

/// What has been lowered was lowered for one backend, and its code for one
/// level.
static Error checkStage(const CompileOptions &options, mlir::ModuleOp module,
                        Stage stage) {
  if (stage == Stage::Model)
    return Error::success();
  if (options.pipeline && !options.pipeline->empty())
    return failed(options, "found a module that has been lowered, expected a "
                           "model for the passes of --pipeline");
  auto program =
      module->getAttrOfType<mlir::DictionaryAttr>(tok::kProgramAttrName);
  auto kernels =
      program ? program.getAs<mlir::ArrayAttr>("kernels") : mlir::ArrayAttr();
  StringRef lowered = stage == Stage::Program || (kernels && !kernels.empty())
                          ? "cpu"
                          : "reference";
  if (options.backend != lowered)
    return failed(options,
                  "found a module that was lowered for --backend=" + lowered +
                      ", expected a model or one for " + options.backend);
  if (stage == Stage::Code && options.instrumentation != Instrumentation::None)
    return failed(options, "found code, expected a model or a program for "
                           "--instrument; probes go in before code is "
                           "generated");
  if (stage == Stage::Code && lowered == "cpu" && options.targets.size() != 1)
    return failed(options, "found code for one ISA level; name it with one "
                           "--target");
  return Error::success();
}

Error tokopt::parsePipeline(StringRef text, mlir::OpPassManager &manager) {
  std::string message;
  raw_string_ostream stream(message);
  if (mlir::succeeded(mlir::parsePassPipeline(text, manager, stream)))
    return Error::success();
  // The parser shows the place below; its words are enough.
  StringRef line = StringRef(message).trim().split('\n').first;
  for (StringRef before : {"error: ", "<Pass-Options-Parser>: "})
    if (size_t at = line.find(before); at != StringRef::npos)
      line = line.substr(at + before.size());
  return createStringError("--pipeline: found '" + text + "': " + line +
                           "; tokopt-opt --list-passes names passes");
}

/// Runs the model passes and notes them for the manifest.
static Error runModelPasses(const CompileOptions &options,
                            mlir::ModuleOp module, Stage stage,
                            std::vector<Manifest::Pass> &noted) {
  StringRef text = options.backend == "cpu" && stage == Stage::Model
                       ? StringRef(kDefaultCpuPipeline)
                       : StringRef();
  if (options.pipeline)
    text = *options.pipeline;
  if (text.empty())
    return Error::success();
  mlir::PassManager manager(module.getContext());
  if (Error error = parsePipeline(text, manager))
    return error;
  for (const PassText &pass : listPasses(manager))
    noted.push_back(
        {pass.name, pass.options, describeContract(findContract(pass.name))});
  FirstError error(*module.getContext());
  if (mlir::failed(manager.run(module)))
    return failed(options, error.explain("a model pass failed"));
  return Error::success();
}

/// Leaves only what the CPU target knows: functions and tables of upstream
/// dialects.
static void stripModel(mlir::ModuleOp module) {
  for (mlir::Operation &op : llvm::make_early_inc_range(*module.getBody()))
    if (isa<tok::TokDialect>(op.getDialect()))
      op.erase();
  for (StringRef name :
       {StringRef(tok::kModelAttrName), StringRef(tok::kMetadataAttrName),
        StringRef(tok::kProgramAttrName), StringRef(tok::kProbesAttrName)})
    module->removeAttr(name);
}

/// Generates code for every level from a lowered module.
static Error generateCode(const CompileOptions &options, mlir::ModuleOp module,
                          Stage stage, Bundle &bundle, Manifest &manifest) {
  std::vector<mlir::OwningOpRef<mlir::ModuleOp>> modules;
  std::vector<CompileJob> jobs;
  for (const IsaLevel &level : getIsaLevels()) {
    if (!options.targets.empty() &&
        !llvm::is_contained(options.targets, level.name.str()))
      continue;
    mlir::OwningOpRef<mlir::ModuleOp> copy = module.clone();
    if (options.backend == "cpu") {
      mlir::PassManager manager(module.getContext());
      if (stage != Stage::Code)
        buildKernelPipeline(manager, level.name, options.printKernels);
      FirstError error(*module.getContext());
      if (mlir::failed(manager.run(*copy)))
        return failed(options,
                      error.explain("kernels for " + level.name + " failed"));
      Expected<Manifest> described = makeManifest(*copy);
      if (!described)
        return described.takeError();
      for (Manifest::Kernel &kernel : described->kernels)
        manifest.kernels.push_back({kernel.name + "." + level.name.str(),
                                    kernel.family, kernel.config});
    }
    stripModel(*copy);
    if (options.mutation) {
      std::string what = mutateConstants(*copy, *options.mutation);
      if (what.empty())
        return failed(options, "no kernel has the constant to be mutated");
      manifest.altered.push_back(level.name.str() + ": " + what);
    }
    if (options.emulate) {
      emulateIntrinsics(*copy);
      manifest.altered.push_back(level.name.str() + ": emulated by avx2");
    }
    jobs.push_back({*copy, options.emulate ? findIsaLevel("avx2") : &level});
    modules.push_back(std::move(copy));
  }
  if (jobs.empty())
    return failed(
        options,
        "no ISA level is left; expected --target with avx2, avx512vnni or "
        "avx512amx");
  CpuCompileOptions codeOptions;
  codeOptions.barePointers = false;
  auto objects = compileInParallel(jobs, codeOptions);
  if (!objects)
    return objects.takeError();
  for (auto [job, object] : llvm::zip_equal(jobs, *objects)) {
    std::vector<std::string> features;
    for (StringRef feature : job.level->features)
      features.push_back(feature.str());
    bundle.levels.push_back(
        {job.level->name.str(), features, std::move(object)});
  }
  return Error::success();
}

/// Lowers a model to the program of the CPU or to the code of the reference,
/// and adds the probes that --instrument asks for: to the model of the
/// reference, to the program of the CPU, which may be what was read.
static mlir::LogicalResult lower(const CompileOptions &options,
                                 mlir::ModuleOp module, Stage stage) {
  Instrumentation what = options.instrumentation;
  if (options.backend == "reference") {
    if (stage != Stage::Model)
      return mlir::success();
    if (what != Instrumentation::None &&
        mlir::failed(
            instrumentForReference(module, what == Instrumentation::Values)))
      return mlir::failure();
    return lowerToReference(module);
  }
  mlir::PassManager manager(module.getContext());
  if (stage == Stage::Model)
    buildProgramPipeline(manager);
  if (stage != Stage::Code)
    buildInstrumentPipeline(manager, what);
  return manager.run(module);
}

/// How far logits may be from those of the oracle, as a share of their root
/// mean square. Where nothing is rounded but sums, what the contracts promise;
/// else what rounding does at most (docs/bundle.md). What was done to a module
/// before it was read is not known, so only a model file is taken to be whole.
static double getTolerance(const CompileOptions &options,
                           ArrayRef<Manifest::Pass> passes) {
  if (options.goldenTolerance)
    return *options.goldenTolerance;
  if (isModule(options.model))
    return kRoundingTolerance;
  double sum = 0;
  auto add = [&](StringRef name) {
    const Contract *contract = findContract(name);
    double bound = 0;
    if (!contract || contract->kind == "lossy" ||
        (contract->kind == "tolerance" && contract->bound.getAsDouble(bound)))
      return false;
    sum += bound;
    return true;
  };
  bool promised = add("tok-lower-to-program");
  for (const Manifest::Pass &pass : passes)
    promised = promised && add(pass.name);
  return promised ? sum : kRoundingTolerance;
}

/// Puts the model file's records into the bundle, and its name and hash into
/// the manifest.
static Error addSource(const CompileOptions &options, tok::SourceAttr metadata,
                       const SourceFile &source, Bundle &bundle,
                       Manifest &manifest) {
  if (sys::fs::equivalent(source.getPath(), options.output))
    return failed(options, "-o: found the file that the weights are read "
                           "from, expected another one");
  ArrayRef<uint8_t> bytes = source.getBytes();
  uint64_t offset = metadata.getOffset(), size = metadata.getBytes();
  if (offset > bytes.size() || size > bytes.size() - offset)
    return failed(options, "tok.metadata: found a range to byte " +
                               Twine(offset + size) + ", but the file has " +
                               Twine(bytes.size()));
  bundle.metadata = bytes.slice(offset, size);
  manifest.sourceName = sys::path::filename(metadata.getFile()).str();
  manifest.sourceBytes = bytes.size();
  manifest.sourceHash = hashToHex(hashBytes(bytes));
  return Error::success();
}

Error tokopt::compile(const CompileOptions &options) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry);
  context.loadAllAvailableDialects();

  if (sys::fs::equivalent(options.model, options.output))
    return failed(options, "-o: found the model itself, expected another file");
  auto module = readModel(options, context);
  if (!module)
    return module.takeError();
  if (!(*module)->getOperation()->hasAttr(tok::kModelAttrName))
    return failed(options, "found a module without tok.model, expected one "
                           "that tokopt-import wrote");
  Stage stage = stageOf(**module);
  if (Error error = checkStage(options, **module, stage))
    return error;
  std::vector<Manifest::Pass> passes;
  if (Error error = runModelPasses(options, **module, stage, passes))
    return error;

  {
    FirstError error(context);
    if (mlir::failed(lower(options, **module, stage)))
      return failed(options, error.explain("lowering failed"));
  }

  Expected<std::unique_ptr<WeightImage>> image = makeWeightImage(
      **module, /*packed=*/options.backend == "cpu", options.model);
  if (!image)
    return image.takeError();
  Expected<Manifest> manifest = makeManifest(**module);
  if (!manifest)
    return manifest.takeError();
  manifest->backend = options.backend;
  manifest->passes = passes;
  manifest->kernels.clear(); // they are listed level by level

  Bundle bundle;
  std::shared_ptr<const SourceFile> source;
  if (auto metadata = (*module)->getOperation()->getAttrOfType<tok::SourceAttr>(
          tok::kMetadataAttrName)) {
    auto opened = openSource(metadata.getFile(), options.model);
    if (!opened)
      return opened.takeError();
    source = *opened;
    if (Error error = addSource(options, metadata, *source, bundle, *manifest))
      return error;
  }
  if (!options.goldens.empty()) {
    auto goldens = readGoldens(options.goldens, *manifest);
    if (!goldens)
      return goldens.takeError();
    goldens->tolerance = getTolerance(options, manifest->passes);
    manifest->goldens = std::move(*goldens);
  }
  if (Error error = generateCode(options, **module, stage, bundle, *manifest))
    return error;

  bundle.manifest = std::move(*manifest);
  bundle.weights = image->get();
  return writeBundle(options.output, bundle);
}
