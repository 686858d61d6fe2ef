//===- cuda.h - Public C API of the tokopt CUDA launcher --------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs CUDA kernels: modules, memory, streams, launches, graphs, events, tensor
// maps. A library of its own, so that whoever has no GPU can leave it out. It
// links nothing of NVIDIA's: the driver is opened when a GPU is.
//
//   tokrt_cuda_t *gpu;
//   if (tokrt_cuda_open(NULL, &gpu, &error) != TOKRT_OK ||
//       tokrt_cuda_module_load(gpu, "k.cubin", image, size, &module, &error) ||
//       tokrt_cuda_kernel_get(module, "k", 0, &kernel, &error) ||
//       tokrt_cuda_stream_create(gpu, &stream, &error) ||
//       tokrt_cuda_launch(stream, kernel, &launch, &error) ||
//       tokrt_cuda_stream_wait(stream, &error))
//     return fail(error.message);
//
// The conventions are those of `tokrt.h`, with these additions:
//  - An error names its subject (a kernel, a module, a number of bytes), the
//    call of the driver, and the driver's name and text of the error.
//  - What belongs to a GPU is destroyed in any order, also after the GPU was
//    closed, but is of no other use then; memory goes with the GPU.
//  - A kernel runs after its launch returned, so its error comes later: from
//    the call that waits for it, which names the kernels that may have made it;
//    with `check_launches`, from the launch.
//  - After TOKRT_DEVICE_LOST (a kernel faulted, or did not end in time) every
//    call on the GPU gives that status again, without asking the driver.
//    Destroy what belongs to the GPU, close it, whatever closing says, and open
//    it anew. Opening makes a new context, and a process that gets one goes on.
//    Of most faults NVIDIA's reference says that the process must end: where
//    the driver keeps to it, opening gives TOKRT_DEVICE_LOST, and says that
//    only a new process helps. If that cannot open the GPU either, the GPU
//    needs its administrator.
//  - A GPU and all that belongs to it are one object to threads: one call at a
//    time, from any thread, whose own context is current again after it. GPUs
//    are distinct, also one that was opened twice: threads use each its own at
//    the same time.
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_CUDA_H_
#define TOKRT_CUDA_H_

#include "tokrt/tokrt.h"

#ifdef __cplusplus
extern "C" {
#endif

//===----------------------------------------------------------------------===//
// GPU
//===----------------------------------------------------------------------===//

/// A GPU with a context of its own.
typedef struct tokrt_cuda_s tokrt_cuda_t;

typedef struct tokrt_cuda_params_s {
  size_t struct_size; // set by tokrt_cuda_params_init
  /// The driver's library. NULL takes what the environment variable
  /// TOKOPT_CUDA_DRIVER names, and without one, or if this is empty,
  /// `libcuda.so.1`.
  const char *driver;
  /// The GPU's number, among those that the driver shows.
  uint32_t device;
  /// The most bytes of the GPU's memory, and of the host's pinned memory, that
  /// may be allocated at a time; 0 for no limit.
  uint64_t device_bytes, pinned_bytes;
  /// How long a wait may take before the kernels in front of it count as hung;
  /// 0 for ever. 30,000 by default.
  uint32_t timeout_ms;
  /// Not 0: every launch waits for its end, so an error names the very kernel.
  int check_launches;
} tokrt_cuda_params_t;

void tokrt_cuda_params_init_sized(tokrt_cuda_params_t *out_params, size_t size);
static inline void tokrt_cuda_params_init(tokrt_cuda_params_t *out_params) {
  tokrt_cuda_params_init_sized(out_params, sizeof *out_params);
}

/// Opens the driver and makes a context on a GPU. TOKRT_UNSUPPORTED where there
/// is no driver, no GPU, or a driver that is older than CUDA 11.4.
tokrt_status_t tokrt_cuda_open(const tokrt_cuda_params_t *params,
                               tokrt_cuda_t **out_gpu, tokrt_error_t *error);

/// Takes the GPU back, whatever the status, which says whether the driver
/// refused to release something since the GPU was opened: after a kernel
/// faulted, it may say so of the context. A context in which a
/// kernel hangs cannot be released before the kernel ends: it stays, with its
/// memory, as long as the process does.
///
/// Whatever is destroyed while kernels run that may use it waits for them as
/// `tokrt_cuda_stream_wait` does, and the error of that wait is told here.
tokrt_status_t tokrt_cuda_close(tokrt_cuda_t *gpu, tokrt_error_t *error);

typedef struct tokrt_cuda_info_s {
  const char *name;        // lives as long as the GPU is open
  uint32_t capability;     // compute capability times ten: 80, 90
  uint32_t driver_version; // of CUDA, as the driver says it: 12040 for 12.4
  uint32_t multiprocessors;
  uint64_t memory_bytes;
  uint64_t l2_bytes;
  uint32_t shared_bytes; // the most a block can have
  int lost;              // whether calls give TOKRT_DEVICE_LOST
  uint64_t device_bytes_used, pinned_bytes_used; // allocated now
} tokrt_cuda_info_t;

void tokrt_cuda_info(const tokrt_cuda_t *gpu, tokrt_cuda_info_t *out_info);

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// An address of the GPU's memory, at a multiple of 256.
typedef uint64_t tokrt_cuda_address_t;

/// TOKRT_EXHAUSTED beyond the limit of the parameters, TOKRT_OUT_OF_MEMORY
/// where the GPU has not so much. `bytes` is not 0.
tokrt_status_t tokrt_cuda_allocate(tokrt_cuda_t *gpu, uint64_t bytes,
                                   tokrt_cuda_address_t *out_address,
                                   tokrt_error_t *error);
/// Takes back what `tokrt_cuda_allocate` gave; 0 is left alone. Kernels that
/// use it must have ended. What the driver refuses stays allocated. Closing
/// tells of it, and of what was not allocated, or is freed twice.
void tokrt_cuda_free(tokrt_cuda_t *gpu, tokrt_cuda_address_t address);

/// Memory of the host that copies run at full speed from and to.
tokrt_status_t tokrt_cuda_allocate_pinned(tokrt_cuda_t *gpu, uint64_t bytes,
                                          void **out_data,
                                          tokrt_error_t *error);
void tokrt_cuda_free_pinned(tokrt_cuda_t *gpu, void *data);

//===----------------------------------------------------------------------===//
// Modules and kernels
//===----------------------------------------------------------------------===//

typedef struct tokrt_cuda_module_s tokrt_cuda_module_t;

/// Loads a cubin, or PTX, which the driver compiles. `name` is for messages.
/// TOKRT_UNSUPPORTED where the cubin is for other GPUs, or the driver is too
/// old for it. Nothing of `image` is needed after the call.
tokrt_status_t tokrt_cuda_module_load(tokrt_cuda_t *gpu, const char *name,
                                      const void *image, size_t size,
                                      tokrt_cuda_module_t **out_module,
                                      tokrt_error_t *error);
/// Takes back the module with its kernels, which must have ended.
void tokrt_cuda_module_destroy(tokrt_cuda_module_t *module);

/// A kernel; it lives as long as its module.
typedef struct tokrt_cuda_kernel_s tokrt_cuda_kernel_t;

/// Finds a kernel and prepares it to be launched with at least `shared_bytes`
/// of dynamic shared memory. A name gives the same kernel each time.
tokrt_status_t tokrt_cuda_kernel_get(tokrt_cuda_module_t *module,
                                     const char *name, uint32_t shared_bytes,
                                     tokrt_cuda_kernel_t **out_kernel,
                                     tokrt_error_t *error);

//===----------------------------------------------------------------------===//
// Streams
//===----------------------------------------------------------------------===//

/// Work in order. Distinct streams run side by side.
typedef struct tokrt_cuda_stream_s tokrt_cuda_stream_t;

tokrt_status_t tokrt_cuda_stream_create(tokrt_cuda_t *gpu,
                                        tokrt_cuda_stream_t **out_stream,
                                        tokrt_error_t *error);
void tokrt_cuda_stream_destroy(tokrt_cuda_stream_t *stream);

/// Copies and fills, in the order of the stream. Memory of the host must stay
/// as it is until the stream was waited for. A copy with memory that is not
/// pinned waits for the kernels in front of it, as `tokrt_cuda_stream_wait`.
tokrt_status_t tokrt_cuda_copy_to_device(tokrt_cuda_stream_t *stream,
                                         tokrt_cuda_address_t to,
                                         const void *from, uint64_t bytes,
                                         tokrt_error_t *error);
tokrt_status_t tokrt_cuda_copy_to_host(tokrt_cuda_stream_t *stream, void *to,
                                       tokrt_cuda_address_t from,
                                       uint64_t bytes, tokrt_error_t *error);
tokrt_status_t tokrt_cuda_fill(tokrt_cuda_stream_t *stream,
                               tokrt_cuda_address_t to, uint8_t value,
                               uint64_t bytes, tokrt_error_t *error);

typedef struct tokrt_cuda_launch_s {
  uint32_t grid[3];
  uint32_t threads;
  uint32_t shared_bytes; // dynamic; at most what the kernel was prepared for
  /// The kernel's parameters as a struct of them lies in memory, without
  /// padding behind the last: an int64_t and an int16_t are 10 bytes, not 16.
  const void *arguments;
  size_t argument_bytes;
  /// Or, instead, where each of them is. A kernel that takes tensor maps is
  /// launched so: where what is aligned to more than 16 bytes lies depends on
  /// the GPU, and only the driver knows.
  const void *const *parameters;
  size_t parameter_count;
} tokrt_cuda_launch_t;

tokrt_status_t tokrt_cuda_launch(tokrt_cuda_stream_t *stream,
                                 tokrt_cuda_kernel_t *kernel,
                                 const tokrt_cuda_launch_t *launch,
                                 tokrt_error_t *error);

/// Waits until everything on the stream has ended. TOKRT_DEVICE_LOST if a
/// kernel faulted, or did not end within the time of the parameters.
tokrt_status_t tokrt_cuda_stream_wait(tokrt_cuda_stream_t *stream,
                                      tokrt_error_t *error);

//===----------------------------------------------------------------------===//
// Graphs
//===----------------------------------------------------------------------===//

/// Launches that were recorded once and are launched as one.
typedef struct tokrt_cuda_graph_s tokrt_cuda_graph_t;

/// From here to `tokrt_cuda_capture_end`, work on the stream is recorded and
/// does not run. A stream that is captured cannot be waited for, nor can an
/// event that is recorded there. All other calls are as ever.
///
/// A stream that waits for an event of the capture (`tokrt_cuda_stream_wait_
/// event`) is captured with it, and its work runs side by side in the graph.
/// Before the end, the stream that began waits for an event behind the work of
/// each that joined.
tokrt_status_t tokrt_cuda_capture_begin(tokrt_cuda_stream_t *stream,
                                        tokrt_error_t *error);
/// Ends the capture in the stream that began it, also where there is no graph
/// then. Only if the driver does not let the thread have the GPU's context,
/// nothing happens. A capture of which a stream is destroyed is given up.
tokrt_status_t tokrt_cuda_capture_end(tokrt_cuda_stream_t *stream,
                                      tokrt_cuda_graph_t **out_graph,
                                      tokrt_error_t *error);
tokrt_status_t tokrt_cuda_graph_launch(tokrt_cuda_stream_t *stream,
                                       tokrt_cuda_graph_t *graph,
                                       tokrt_error_t *error);
/// The graph must have ended; the modules of its kernels outlive it.
void tokrt_cuda_graph_destroy(tokrt_cuda_graph_t *graph);

//===----------------------------------------------------------------------===//
// Events
//===----------------------------------------------------------------------===//

/// A point in a stream, with its time.
typedef struct tokrt_cuda_event_s tokrt_cuda_event_t;

tokrt_status_t tokrt_cuda_event_create(tokrt_cuda_t *gpu,
                                       tokrt_cuda_event_t **out_event,
                                       tokrt_error_t *error);
void tokrt_cuda_event_destroy(tokrt_cuda_event_t *event);
tokrt_status_t tokrt_cuda_event_record(tokrt_cuda_event_t *event,
                                       tokrt_cuda_stream_t *stream,
                                       tokrt_error_t *error);
/// Lets what comes on the stream from here on begin after the event has come,
/// as it was recorded last; one that was never recorded has come. No call
/// waits. Both belong to one GPU. In a capture the event is of the same one; an
/// event of a capture takes the stream into it.
tokrt_status_t tokrt_cuda_stream_wait_event(tokrt_cuda_stream_t *stream,
                                            tokrt_cuda_event_t *event,
                                            tokrt_error_t *error);
/// As `tokrt_cuda_stream_wait`, for what is in front of the event.
tokrt_status_t tokrt_cuda_event_wait(tokrt_cuda_event_t *event,
                                     tokrt_error_t *error);
/// The time between two events that have come, to about half a microsecond.
tokrt_status_t tokrt_cuda_event_elapsed(tokrt_cuda_event_t *begin,
                                        tokrt_cuda_event_t *end,
                                        float *out_milliseconds,
                                        tokrt_error_t *error);

//===----------------------------------------------------------------------===//
// Tensor maps
//===----------------------------------------------------------------------===//

typedef enum tokrt_cuda_element_e {
  TOKRT_CUDA_U8,
  TOKRT_CUDA_F16,
  TOKRT_CUDA_BF16,
  TOKRT_CUDA_F32,
  TOKRT_CUDA_ELEMENT_MAX_ENUM = 0x7fffffff,
} tokrt_cuda_element_t;

/// A tensor in global memory and the box of it that a bulk copy (TMA) moves;
/// the first dimension is the one whose elements are neighbours.
typedef struct tokrt_cuda_tensor_s {
  tokrt_cuda_address_t address; // a multiple of 16
  tokrt_cuda_element_t element;
  uint32_t rank;       // 1 to 5
  uint64_t sizes[5];   // elements, at least 1
  uint64_t strides[4]; // bytes between neighbours of dimensions 1 to rank - 1
  uint32_t box[5];     // elements, 1 to 256
  uint32_t swizzle;    // bytes in which chunks are exchanged: 0, 32, 64 or 128
} tokrt_cuda_tensor_t;

/// What a kernel takes as a `__grid_constant__` parameter.
typedef struct tokrt_cuda_tensor_map_s {
#ifdef __cplusplus
  alignas(64) uint64_t opaque[16];
#else
  _Alignas(64) uint64_t opaque[16];
#endif
} tokrt_cuda_tensor_map_t;

/// Encodes a tensor map by the driver, which refuses what hardware cannot do.
/// A tensor without elements has no map: TOKRT_INVALID_ARGUMENT.
/// TOKRT_UNSUPPORTED where the driver is older than CUDA 12.0.
tokrt_status_t tokrt_cuda_tensor_map(tokrt_cuda_t *gpu,
                                     const tokrt_cuda_tensor_t *tensor,
                                     tokrt_cuda_tensor_map_t *out_map,
                                     tokrt_error_t *error);

#ifdef __cplusplus
} // extern "C"
#endif

#endif // TOKRT_CUDA_H_
