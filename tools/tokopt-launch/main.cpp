//===- main.cpp - Runs the cases of a folder on a GPU ---------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/tokopt-launch/Runs.h"

#include <algorithm>
#include <nlohmann/json.hpp>

using namespace tools;
using nlohmann::ordered_json;

namespace {

struct Options {
  std::string folder, record;
  std::vector<std::string> only;
  uint32_t device = 0, timeoutMs = 30000;
  int runs = 20;
  bool small = false, time = false, ptx = false;
};

/// A case's name, status and figures.
using Outcome = ordered_json;

class Program {
public:
  explicit Program(const Options &options) : options(options) {
    std::string path = options.folder + "/" + cases::kCasesFile, error;
    if (!cases::fromJson(readFile(path), folder, error))
      throw BadInput{path + ": cannot be read as cases: " + error +
                     "; prepare the folder again"};
    for (const std::string &name : options.only)
      if (std::none_of(folder.cases.begin(), folder.cases.end(),
                       [&](const auto &given) { return given.name == name; }))
        throw BadInput{path + ": found no case '" + name + "'"};
  }

  /// Prints what came out; returns whether all is right.
  bool run() {
    open();
    tokrt_cuda_info_t info = device->info();
    ordered_json out{{"device", info.name},
                     {"capability", info.capability},
                     {"driver", info.driver_version},
                     {"multiprocessors", info.multiprocessors},
                     {"memory_bytes", info.memory_bytes},
                     {"l2_bytes", info.l2_bytes},
                     {"source", folder.source},
                     {"cases", ordered_json::array()}};
    bool right = true;
    for (const cases::Case &given : folder.cases) {
      if (!isAsked(given))
        continue;
      Outcome outcome = attempt(given);
      right &= outcome["status"] == "right" || outcome["status"] == "skipped";
      out["cases"].push_back(std::move(outcome));
      // A run may be ended from outside: what is known is on the screen.
      fprintf(stderr, "%s: %s\n", given.name.c_str(),
              out["cases"].back()["status"].get<std::string>().c_str());
    }
    if (device) {
      flush.reset();
      device->close();
      device.reset();
    }
    printf("%s\n", out.dump(1).c_str());
    return right;
  }

private:
  bool isAsked(const cases::Case &given) const {
    if (!options.only.empty())
      return std::find(options.only.begin(), options.only.end(), given.name) !=
             options.only.end();
    return !options.small || given.isSmall;
  }

  void open() {
    device = std::make_unique<Device>(options.device, options.timeoutMs);
  }

  Outcome attempt(const cases::Case &given) {
    Outcome outcome{{"name", given.name}};
    try {
      if (!device)
        open();
      CaseRun run(*device, options.folder, given, options.ptx);
      outcome["image"] = run.imageName();
      compare(run, outcome);
      if (given.isTimed && options.time && outcome["status"] == "right")
        time(run, given, outcome);
      // What is not as the simulator has it is worth the most.
      if (given.isRecorded && !options.record.empty())
        record(run, given);
    } catch (const Skipped &skipped) {
      outcome["status"] = "skipped";
      outcome["message"] = skipped.message;
    } catch (const Lost &lost) {
      outcome["status"] = "LOST";
      outcome["message"] = lost.message;
      // Others may be right: the next case gets a new context.
      flush.reset();
      device.reset();
    } catch (const BadInput &error) {
      outcome["status"] = "FAILED";
      outcome["message"] = error.message;
    }
    return outcome;
  }

  void compare(CaseRun &run, Outcome &outcome) {
    try {
      outcome["worst"] = run.check();
      outcome["status"] = "right";
    } catch (const Wrong &wrong) {
      outcome["status"] = "WRONG";
      outcome["message"] = wrong.message;
    }
  }

  void time(CaseRun &run, const cases::Case &given, Outcome &outcome) {
    if (!flush) {
      constexpr uint64_t kLeast = 64 << 20;
      flush = std::make_unique<Block>(
          *device, std::max(2 * device->info().l2_bytes, kLeast));
    }
    Times times = run.time(*flush, options.runs);
    outcome["title"] = given.timing.title;
    outcome["ms"] = times.median;
    outcome["least_ms"] = times.least;
    outcome["splits"] = times.splits;
    outcome["bytes"] = given.timing.bytes;
    outcome["operations"] = given.timing.operations;
  }

  void record(CaseRun &run, const cases::Case &given) {
    tokrt_cuda_info_t info = device->info();
    ordered_json out{{"case", given.name},
                     {"device", info.name},
                     {"capability", info.capability},
                     {"driver", info.driver_version},
                     {"outputs", run.record()}};
    writeFile(options.record + "/" + given.name + ".json", out.dump(1) + "\n");
  }

  const Options &options;
  cases::Folder folder;
  std::unique_ptr<Device> device;
  std::unique_ptr<Block> flush;
};

} // namespace

int main(int argc, char **argv) {
  CLI::App app("Runs the kernels of a folder on a GPU: compares what comes out "
               "with what must, and times it. docs/kernels.md says more.",
               "tokopt-launch");
  app.set_version_flag("--version", "tokopt-launch " TOKOPT_VERSION);
  Options options;
  app.add_option("folder", options.folder,
                 "What `scripts/bench gpu --prepare` made")
      ->required();
  app.add_flag("--small", options.small,
               "Only small cases, for compute-sanitizer");
  app.add_option("--only", options.only, "Only cases of these names");
  app.add_flag("--ptx", options.ptx,
               "What the driver makes of the PTX of the oldest architecture");
  app.add_flag("--time", options.time, "Time the cases that have a time");
  app.add_option("--runs", options.runs, "Runs of which the median is told")
      ->check(CLI::Range(1, 1000));
  app.add_option("--record", options.record,
                 "A folder for what instructions give, for the simulator");
  app.add_option("--device", options.device, "The GPU's number")
      ->transform(wholeNumber(0, 255));
  app.add_option("--timeout-ms", options.timeoutMs,
                 "When a kernel counts as hung")
      ->transform(wholeNumber(1, 600000));
  bool right = true;
  int status =
      runTool(app, argc, argv, [&] { right = Program(options).run(); });
  return status == kSuccess && !right ? kBadInput : status;
}
