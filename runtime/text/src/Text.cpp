//===- Text.cpp - The C API of the text library ---------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tokrt/text.h"

#include "ChatTemplate.h"
#include "Failure.h"
#include "TextStream.h"
#include "Tokenizer.h"

#include <cstdlib>
#include <memory>

using namespace tokrt::text;

struct tokrt_text_s {
  explicit tokrt_text_s(const Metadata &metadata)
      : tokenizer(metadata), chat(metadata) {}

  Tokenizer tokenizer;
  ChatTemplate chat;
};

struct tokrt_text_stream_s {
  const tokrt_text_s *text;
  bool showControl;
  TextStream stream;
};

/// Copies `size` bytes to memory that `tokrt_text_free` takes back, and a zero
/// byte after them.
static char *copyOut(const void *data, size_t size) {
  char *copy = static_cast<char *>(malloc(size + 1));
  if (!copy)
    throw std::bad_alloc();
  if (size)
    memcpy(copy, data, size);
  copy[size] = 0;
  return copy;
}

/// Raises if `present` is false: a pointer that must not be null is.
static void expectPointer(bool present, const char *name) {
  if (!present)
    raise(TOKRT_INVALID_ARGUMENT, "text: found NULL, expected `%s`", name);
}

tokrt_status_t tokrt_text_create(const void *metadata, size_t size,
                                 tokrt_text_t **out_text,
                                 tokrt_error_t *error) {
  return guarded(error, [&] {
    expectPointer(metadata || size == 0, "metadata");
    expectPointer(out_text, "out_text");
    Metadata records({static_cast<const char *>(metadata), size});
    *out_text = new tokrt_text_s(records);
  });
}

void tokrt_text_destroy(tokrt_text_t *text) { delete text; }

void tokrt_text_free(void *data) { free(data); }

tokrt_status_t tokrt_text_encode(const tokrt_text_t *text, const char *bytes,
                                 size_t size, int parse_special,
                                 int32_t **out_ids, size_t *out_count,
                                 tokrt_error_t *error) {
  return guarded(error, [&] {
    expectPointer(text, "text");
    expectPointer(bytes || size == 0, "bytes");
    expectPointer(out_ids && out_count, "out_ids and out_count");
    std::vector<int32_t> ids =
        text->tokenizer.encode({bytes, size}, parse_special != 0);
    *out_ids = reinterpret_cast<int32_t *>(
        copyOut(ids.data(), ids.size() * sizeof(int32_t)));
    *out_count = ids.size();
  });
}

size_t tokrt_text_token_count(const tokrt_text_t *text) {
  return text->tokenizer.vocabulary().size();
}

int tokrt_text_is_control(const tokrt_text_t *text, int32_t id) {
  const Vocabulary &vocabulary = text->tokenizer.vocabulary();
  return vocabulary.contains(id) && vocabulary.type(id) == TokenType::Control;
}

tokrt_status_t tokrt_text_decode_token(const tokrt_text_t *text, int32_t id,
                                       const char **out_bytes, size_t *out_size,
                                       tokrt_error_t *error) {
  return guarded(error, [&] {
    expectPointer(text, "text");
    expectPointer(out_bytes && out_size, "out_bytes and out_size");
    std::string_view bytes = text->tokenizer.decode(id);
    *out_bytes = bytes.data();
    *out_size = bytes.size();
  });
}

tokrt_status_t tokrt_text_stream_create(const tokrt_text_t *text,
                                        int show_control,
                                        tokrt_text_stream_t **out_stream,
                                        tokrt_error_t *error) {
  return guarded(error, [&] {
    expectPointer(text, "text");
    expectPointer(out_stream, "out_stream");
    *out_stream = new tokrt_text_stream_s{text, show_control != 0, {}};
  });
}

void tokrt_text_stream_destroy(tokrt_text_stream_t *stream) { delete stream; }

tokrt_status_t tokrt_text_stream_push(tokrt_text_stream_t *stream, int32_t id,
                                      const char **out_bytes, size_t *out_size,
                                      tokrt_error_t *error) {
  return guarded(error, [&] {
    expectPointer(stream, "stream");
    expectPointer(out_bytes && out_size, "out_bytes and out_size");
    std::string_view bytes = stream->text->tokenizer.decode(id);
    if (!stream->showControl && tokrt_text_is_control(stream->text, id))
      bytes = {};
    bytes = stream->stream.push(bytes);
    *out_bytes = bytes.data();
    *out_size = bytes.size();
  });
}

tokrt_status_t tokrt_text_stream_finish(tokrt_text_stream_t *stream,
                                        const char **out_bytes,
                                        size_t *out_size,
                                        tokrt_error_t *error) {
  return guarded(error, [&] {
    expectPointer(stream, "stream");
    expectPointer(out_bytes && out_size, "out_bytes and out_size");
    std::string_view bytes = stream->stream.finish();
    *out_bytes = bytes.data();
    *out_size = bytes.size();
  });
}

tokrt_status_t tokrt_text_apply_messages(const tokrt_text_t *text,
                                         const tokrt_text_message_t *messages,
                                         size_t message_count, int open_reply,
                                         char **out_prompt, size_t *out_size,
                                         tokrt_error_t *error) {
  return guarded(error, [&] {
    expectPointer(text, "text");
    expectPointer(messages || message_count == 0, "messages");
    expectPointer(out_prompt && out_size, "out_prompt and out_size");
    std::string prompt = text->chat.apply(text->tokenizer, messages,
                                          message_count, open_reply != 0);
    *out_prompt = copyOut(prompt.data(), prompt.size());
    *out_size = prompt.size();
  });
}

tokrt_status_t tokrt_text_apply_chat(const tokrt_text_t *text,
                                     const char *user_prompt, char **out_prompt,
                                     size_t *out_size, tokrt_error_t *error) {
  tokrt_text_message_t message = {"user", user_prompt};
  return tokrt_text_apply_messages(text, &message, 1, 1, out_prompt, out_size,
                                   error);
}

void tokrt_text_eos(const tokrt_text_t *text, const int32_t **out_ids,
                    size_t *out_count) {
  const std::vector<int32_t> &ends = text->tokenizer.endTokens();
  *out_ids = ends.data();
  *out_count = ends.size();
}
