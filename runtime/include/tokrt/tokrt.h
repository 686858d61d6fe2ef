//===- tokrt.h - Public C API of the tokopt runtime -------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The whole public surface of the runtime's core: load a bundle, make an
// engine, submit requests, step. It is plain C11, needs no other header of this
// project, and compiles as C and as C++. Text (tokenizer, chat template) is a
// library of its own, `tokrt/text.h`.
//
//   tokrt_error_t error;
//   tokrt_model_t *model;
//   tokrt_engine_t *engine;
//   if (tokrt_model_load("model.so", NULL, &model, &error) != TOKRT_OK ||
//       tokrt_engine_create(model, NULL, &engine, &error) != TOKRT_OK)
//     return fail(error.message);
//   tokrt_request_params_t params;
//   tokrt_request_params_init(&params);
//   params.ids = prompt; params.id_count = n; params.max_tokens = 64;
//   params.on_token = print_token;
//   tokrt_request_t request;
//   if (tokrt_engine_submit(engine, &params, &request, &error) != TOKRT_OK)
//     return fail(error.message);
//   tokrt_step_info_t step;
//   while (tokrt_engine_step(engine, &step, &error) == TOKRT_OK && step.rows)
//     ;
//
// Conventions
//  - Every fallible call returns a `tokrt_status_t` and gives its results
//    through `out_` parameters, which are untouched on failure. Its last
//    parameter is the error, which may be NULL.
//  - `tokrt_X_create` (or `load`) gives the caller ownership; `tokrt_X_destroy`
//    takes it back and accepts NULL.
//  - A `*_params_t` begins with its own size, so a library serves a caller that
//    was compiled against an older header: what that one does not know keeps
//    its default. A newer header's caller is served too if it leaves what this
//    library does not know at zero. Fill one with `tokrt_X_params_init` before
//    you set fields; NULL means all defaults.
//  - No call throws, prints or aborts, and no callback may throw. A call that
//    finds no memory gives TOKRT_OUT_OF_MEMORY and changes nothing.
//  - Objects are not thread safe; distinct objects may be used from distinct
//    threads. A model may be shared by engines of different threads.
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_TOKRT_H_
#define TOKRT_TOKRT_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TOKRT_VERSION_MAJOR 0
#define TOKRT_VERSION_MINOR 1

//===----------------------------------------------------------------------===//
// Status
//===----------------------------------------------------------------------===//

typedef enum tokrt_status_e {
  TOKRT_OK = 0,
  TOKRT_INVALID_ARGUMENT = 1, // the caller's parameters; do not retry
  TOKRT_IO = 2,               // the system refused a file operation
  TOKRT_INVALID_FILE = 3,     // the file is damaged or not what it should be
  TOKRT_UNSUPPORTED = 4,      // a good file, but for another version or machine
  TOKRT_OUT_OF_MEMORY = 5,    // the system has no memory left
  TOKRT_EXHAUSTED = 6, // a limit of the engine; raise the limit, or retry after
                       // requests have finished
  TOKRT_DEVICE_ERROR = 7, // the driver of a device refused a call
  TOKRT_DEVICE_LOST = 8,  // a kernel faulted or hangs: close the device
  TOKRT_STATUS_MAX_ENUM = 0x7fffffff, // no status: makes every int a valid
                                      // value, so that an unknown one is
                                      // defined for the function below
} tokrt_status_t;

/// Returns a static English name of `status`, never NULL; "unknown status" for
/// a value that this version does not have.
const char *tokrt_status_string(tokrt_status_t status);

/// What went wrong, as one line without a line feed: the file and the key, what
/// was found, what was expected, what to do. The caller owns it; a call that
/// succeeds leaves it alone.
typedef struct tokrt_error_s {
  char message[1024];
} tokrt_error_t;

//===----------------------------------------------------------------------===//
// Model
//===----------------------------------------------------------------------===//

/// A loaded bundle: checked, mapped, read only.
typedef struct tokrt_model_s tokrt_model_t;

typedef struct tokrt_model_params_s {
  size_t struct_size; // set by tokrt_model_params_init
  /// The ISA level to take, by its name in the manifest. NULL takes what the
  /// environment variable TOKOPT_LEVEL names, and without one, or if this is
  /// empty, the first that this CPU can run.
  const char *level;
  /// Not 0: read the weights into huge pages of this process instead of mapping
  /// and sharing the file's. Streams faster, starts slower.
  int copy_weights;
  /// Not 0: check the hash of the weights too. Reads all of them.
  int verify_weights;
  /// Not 0: check the file, but map nothing to run: it may be for another CPU.
  /// No engine can be made of it.
  int describe_only;
} tokrt_model_params_t;

/// Defaults. The size is the caller's, which is why the second is compiled into
/// it: this library's own may be larger than the caller's memory.
void tokrt_model_params_init_sized(tokrt_model_params_t *out_params,
                                   size_t size);
static inline void tokrt_model_params_init(tokrt_model_params_t *out_params) {
  tokrt_model_params_init_sized(out_params, sizeof *out_params);
}

/// Maps the bundle at `path`. No code of the file runs, and none is mapped
/// executable, before every check has passed.
tokrt_status_t tokrt_model_load(const char *path,
                                const tokrt_model_params_t *params,
                                tokrt_model_t **out_model,
                                tokrt_error_t *error);

/// Destroy every engine of the model first.
void tokrt_model_destroy(tokrt_model_t *model);

typedef struct tokrt_model_info_s {
  const char *arch; // strings live as long as the model
  const char *name;
  const char *producer;
  const char *backend;
  const char *level; // the ISA level that was taken; NULL if only described
  uint32_t layers;
  uint32_t width;
  uint32_t vocab;
  uint32_t context; // positions a request may have
  uint64_t file_bytes;
  uint64_t weight_bytes;
  uint64_t cache_bytes_per_page; // one page of each cache, summed
} tokrt_model_info_t;

void tokrt_model_info(const tokrt_model_t *model, tokrt_model_info_t *out_info);

/// The model file's own key/value records, for `tokrt_text_create`. The bytes
/// live as long as the model. They are not parsed here.
void tokrt_model_metadata(const tokrt_model_t *model, const void **out_data,
                          size_t *out_size);

/// A section of the bundle's file.
typedef struct tokrt_section_s {
  const char *name; // lives as long as the model
  uint64_t offset;
  uint64_t size;
} tokrt_section_t;

/// Sections with bytes in the file.
size_t tokrt_model_section_count(const tokrt_model_t *model);
/// `index` must be less than the count.
void tokrt_model_section(const tokrt_model_t *model, size_t index,
                         tokrt_section_t *out_section);

/// Not 0 if this CPU runs the ISA extension `feature`, as a manifest names it.
int tokrt_cpu_has(const char *feature);

/// The manifest as JSON text, not zero-terminated; lives as long as the model.
void tokrt_model_manifest(const tokrt_model_t *model, const char **out_data,
                          size_t *out_size);

/// What a probe of an instrumented bundle (tokopt-compile --instrument) looks
/// at. Strings live as long as the model.
typedef struct tokrt_probe_s {
  uint32_t kernel;   // probes of the same kernel have the same number
  const char *label; // what the kernel is called in a profile
  const char *value; // the name of the value it wrote; NULL: none is looked at
  const char *type;  // of an element: "f32", "f16", "i32", "i8x32"; NULL: none
  uint32_t columns;  // of a row
  int per_output;    // not 0: a row for each that asks for logits
} tokrt_probe_t;

/// Probes of the bundle; 0 if it was compiled without.
size_t tokrt_model_probe_count(const tokrt_model_t *model);
/// `index` must be less than the count.
void tokrt_model_probe(const tokrt_model_t *model, size_t index,
                       tokrt_probe_t *out_probe);

//===----------------------------------------------------------------------===//
// Engine
//===----------------------------------------------------------------------===//

/// Runs many requests over one model: owns the worker threads, the cache pages
/// and the buffers of a step.
typedef struct tokrt_engine_s tokrt_engine_t;

/// A request's name within its engine; never 0, never reused.
typedef uint64_t tokrt_request_t;

typedef enum tokrt_schedule_e {
  TOKRT_SCHEDULE_BUNDLE = 0,  // as the manifest says
  TOKRT_SCHEDULE_WHOLE = 1,   // a prompt in one step, if `step_rows` allow it
  TOKRT_SCHEDULE_CHUNKED = 2, // at most `step_rows` rows a step, decodes first
  TOKRT_SCHEDULE_LAYERED =
      3, // a prompt chunk passes one group of layers a step
  TOKRT_SCHEDULE_MAX_ENUM = 0x7fffffff, // no schedule; see above
} tokrt_schedule_t;

/// One request's share of a step.
typedef struct tokrt_step_part_s {
  tokrt_request_t request;
  uint32_t position; // of its first row
  uint32_t rows;
  int full; // its rows pass all layers; else [layer_begin, layer_end)
} tokrt_step_part_t;

/// What a step did. `rows` is 0 when there was nothing to do.
typedef struct tokrt_step_info_s {
  uint64_t index; // steps before this one
  uint32_t rows;
  uint32_t full_rows;   // the first so many rows pass all layers
  uint32_t layer_begin; // the others pass these
  uint32_t layer_end;
  uint32_t outputs;               // rows that asked for logits
  uint32_t running;               // requests with pages
  uint32_t waiting;               // requests without
  const tokrt_step_part_t *parts; // in row order; valid until the next step
  uint32_t part_count;
} tokrt_step_info_t;

typedef void (*tokrt_trace_fn)(void *data, const tokrt_step_info_t *step);

/// The layer of a probe outside of layers.
#define TOKRT_NO_LAYER UINT32_MAX

/// A kernel has run on all of its rows.
typedef struct tokrt_probe_event_s {
  uint32_t probe; // its index in the model
  uint32_t layer; // or TOKRT_NO_LAYER
  /// Since the event before, or since the step began: on the clock of worker 0,
  /// what it waited for others within. What the callback takes is not counted.
  uint64_t nanoseconds;
  uint32_t rows;            // of the step, in its order; may be 0
  const int32_t *positions; // of each of the rows in its request
  const void *data;         // the first row of the value; NULL: no value
  size_t row_bytes;         // from one row to the next
} tokrt_probe_event_t;

/// Called by each probe within `tokrt_engine_step`, on its thread, while the
/// other workers may wait; pointers are valid during the call. It may call no
/// function of the engine. Denormal numbers are flushed meanwhile.
typedef void (*tokrt_probe_fn)(void *data, const tokrt_probe_event_t *event);

typedef struct tokrt_engine_params_s {
  size_t struct_size;   // set by tokrt_engine_params_init
  uint32_t threads;     // 0: one for each CPU this process may use
  uint32_t requests;    // requests that run at the same time; more wait
  uint32_t step_rows;   // rows a step may have; 0: the schedule's budget
  uint64_t cache_bytes; // limit of all cache pages; 0: what `requests` of full
                        // length need, but at most half of the memory
  /// The schedule, to override the bundle's in tests and experiments. It
  /// changes no result.
  tokrt_schedule_t schedule;
  uint32_t chunk_rows;   // rows of one request a step; 0: no further limit
  uint32_t group_layers; // layers of a group of `LAYERED`; 0: the bundle's
  tokrt_trace_fn trace;  // called before each step runs; may be NULL
  void *trace_data;
  tokrt_probe_fn probe; // NULL: probes are silent; else the bundle must have
                        // some
  void *probe_data;
} tokrt_engine_params_t;

void tokrt_engine_params_init_sized(tokrt_engine_params_t *out_params,
                                    size_t size);
static inline void tokrt_engine_params_init(tokrt_engine_params_t *out_params) {
  tokrt_engine_params_init_sized(out_params, sizeof *out_params);
}

/// Allocates everything a step needs; steps allocate nothing. The model must
/// outlive the engine.
tokrt_status_t tokrt_engine_create(const tokrt_model_t *model,
                                   const tokrt_engine_params_t *params,
                                   tokrt_engine_t **out_engine,
                                   tokrt_error_t *error);
void tokrt_engine_destroy(tokrt_engine_t *engine);

typedef struct tokrt_engine_info_s {
  uint32_t threads;
  uint32_t requests;
  uint32_t step_rows;
  uint64_t cache_bytes;      // limit
  uint64_t cache_bytes_used; // by pages of running requests
} tokrt_engine_info_t;

void tokrt_engine_info(const tokrt_engine_t *engine,
                       tokrt_engine_info_t *out_info);

//===----------------------------------------------------------------------===//
// Requests
//===----------------------------------------------------------------------===//

typedef enum tokrt_finish_e {
  TOKRT_FINISH_NONE = 0,    // waits or runs
  TOKRT_FINISH_STOP = 1,    // a stop token came; it is not in the output
  TOKRT_FINISH_LENGTH = 2,  // max_tokens
  TOKRT_FINISH_CONTEXT = 3, // the model's context is full
  TOKRT_FINISH_CACHE = 4, // the cache limit holds no more of even this request
  TOKRT_FINISH_CANCEL = 5,
  TOKRT_FINISH_MAX_ENUM = 0x7fffffff, // no finish; see above
} tokrt_finish_t;

/// Returns "none", "stop", "length", "context", "cache" or "cancel"; "unknown
/// reason" for a value that this version does not have.
const char *tokrt_finish_string(tokrt_finish_t finish);

typedef struct tokrt_sampling_s {
  float temperature; // 0: greedy
  uint32_t top_k;    // 0: off
  float top_p;       // 1: off
  float min_p;       // 0: off
  uint64_t seed;     // equal seeds draw equal tokens, whatever the company
} tokrt_sampling_t;

/// Callbacks run inside `tokrt_engine_step`, on its thread; the one that tells
/// of an end also inside the `tokrt_engine_cancel` or `tokrt_engine_release`
/// that made it. Of the engine's functions they may call only
/// `tokrt_engine_cancel` and the queries.
/// A token was drawn. Return 0 to go on; anything else ends the request as if
/// the token were one of its stop tokens.
typedef int (*tokrt_token_fn)(void *data, tokrt_request_t request,
                              int32_t token);
/// The logits of the row at `position`, that is of the token after it; `logits`
/// is valid during the call.
typedef void (*tokrt_logits_fn)(void *data, tokrt_request_t request,
                                uint32_t position, const float *logits,
                                size_t count);
typedef void (*tokrt_finish_fn)(void *data, tokrt_request_t request,
                                tokrt_finish_t finish);

typedef struct tokrt_request_params_s {
  size_t struct_size; // set by tokrt_request_params_init
  const int32_t *ids; // the prompt, copied; at least one token
  size_t id_count;
  uint32_t max_tokens;       // to generate; 0 only reads the prompt
  tokrt_sampling_t sampling; // greedy by default
  const int32_t *stop;       // token ids that end the request, copied
  size_t stop_count;
  int ignore_stop; // not 0: generate on through them
  /// Not 0: `on_logits` is called for every position of the prompt from
  /// `logits_from` on, not only for those that a token is drawn from.
  int all_logits;
  uint32_t logits_from;
  tokrt_token_fn on_token; // each may be NULL
  tokrt_logits_fn on_logits;
  tokrt_finish_fn on_finish;
  void *data; // first argument of the three
} tokrt_request_params_t;

void tokrt_request_params_init_sized(tokrt_request_params_t *out_params,
                                     size_t size);
static inline void
tokrt_request_params_init(tokrt_request_params_t *out_params) {
  tokrt_request_params_init_sized(out_params, sizeof *out_params);
}

/// Queues a request. Fails with TOKRT_INVALID_ARGUMENT on a prompt longer than
/// the context or an id out of the vocabulary, and with TOKRT_EXHAUSTED if the
/// engine's limits could not hold the prompt even alone.
tokrt_status_t tokrt_engine_submit(tokrt_engine_t *engine,
                                   const tokrt_request_params_t *params,
                                   tokrt_request_t *out_request,
                                   tokrt_error_t *error);

/// Packs one step of rows from the requests, first come first served, and runs
/// it. If no page is left, the youngest request gives its pages back and is
/// read again later; that changes no result.
tokrt_status_t tokrt_engine_step(tokrt_engine_t *engine,
                                 tokrt_step_info_t *out_info,
                                 tokrt_error_t *error);

/// Ends a request, now or, from a callback, when the step ends; its pages are
/// free then. Unknown and finished requests are left alone.
void tokrt_engine_cancel(tokrt_engine_t *engine, tokrt_request_t request);

typedef struct tokrt_request_info_s {
  tokrt_finish_t finish;
  int running; // has pages
  uint32_t prompt_tokens;
  uint32_t cached;       // positions in the cache
  const int32_t *tokens; // generated; valid until the next step or release
  uint32_t token_count;
} tokrt_request_info_t;

/// Fails with TOKRT_INVALID_ARGUMENT if there is no such request.
tokrt_status_t tokrt_engine_request(const tokrt_engine_t *engine,
                                    tokrt_request_t request,
                                    tokrt_request_info_t *out_info,
                                    tokrt_error_t *error);

/// Forgets a request (and cancels it if it has not finished). Every request is
/// kept until it is released or the engine is destroyed.
void tokrt_engine_release(tokrt_engine_t *engine, tokrt_request_t request);

#ifdef __cplusplus
} // extern "C"
#endif

#endif // TOKRT_TOKRT_H_
