//===- text.h - Public C API of the tokopt text library ---------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Between text and token ids: the tokenizer and the chat template that stand in
// a model file's key/value records. A library of its own, so that whoever deals
// in ids alone can leave it out. It needs `tokrt.h` for the status and the
// error, and no part of libtokrt.
//
//   tokrt_text_t *text;
//   if (tokrt_text_create(metadata, size, &text, &error) != TOKRT_OK ||
//       tokrt_text_apply_chat(text, "Why is the sky blue?", &prompt,
//                             &prompt_size, &error) != TOKRT_OK ||
//       tokrt_text_encode(text, prompt, prompt_size, 1, &ids, &id_count,
//                         &error) != TOKRT_OK)
//     return fail(error.message);
//
// The conventions are those of `tokrt.h`, with one addition: a `tokrt_text_t`
// does not change after it was made, so many threads may use one.
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_TEXT_H_
#define TOKRT_TEXT_H_

#include "tokrt/tokrt.h"

#ifdef __cplusplus
extern "C" {
#endif

/// A model's tokenizer and chat template.
typedef struct tokrt_text_s tokrt_text_t;

/// Makes a tokenizer from the `size` bytes at `metadata`: the key/value records
/// of a GGUF v3 file without the file's header, as `tokrt_model_metadata` gives
/// them. They may come from an untrusted file. Nothing of them is needed after
/// the call.
///
/// Byte-level BPE (`tokenizer.ggml.model` = gpt2) with the pre-tokenizers
/// `smollm` and `qwen2` is known; anything else is TOKRT_UNSUPPORTED.
tokrt_status_t tokrt_text_create(const void *metadata, size_t size,
                                 tokrt_text_t **out_text, tokrt_error_t *error);
void tokrt_text_destroy(tokrt_text_t *text);

/// Gives back what a call of this header allocated. NULL is left alone.
void tokrt_text_free(void *data);

//===----------------------------------------------------------------------===//
// Text to ids
//===----------------------------------------------------------------------===//

/// Encodes the `size` bytes at `bytes`, which need not be valid UTF-8. Give
/// `*out_ids` to `tokrt_text_free`.
///
/// Control tokens such as `<|im_end|>` are recognized only if `parse_special`
/// is not 0: set it for the output of a chat template, not for a stranger's
/// text. Tokens that the vocabulary calls user-defined are always recognized.
/// If the vocabulary asks for a begin-of-sequence token, it stands first, once.
/// A byte that no token of the vocabulary stands for is left out, as in the
/// tokenizer that the model was trained with.
tokrt_status_t tokrt_text_encode(const tokrt_text_t *text, const char *bytes,
                                 size_t size, int parse_special,
                                 int32_t **out_ids, size_t *out_count,
                                 tokrt_error_t *error);

//===----------------------------------------------------------------------===//
// Ids to text
//===----------------------------------------------------------------------===//

/// Number of tokens; ids run from 0 to one less.
size_t tokrt_text_token_count(const tokrt_text_t *text);

/// Not 0 if `id` is a control token, which steers the model and is not text.
int tokrt_text_is_control(const tokrt_text_t *text, int32_t id);

/// Gives the bytes of one token, as long as `text` lives. They may begin or end
/// inside a UTF-8 character. A control token gives its name.
tokrt_status_t tokrt_text_decode_token(const tokrt_text_t *text, int32_t id,
                                       const char **out_bytes, size_t *out_size,
                                       tokrt_error_t *error);

/// Turns a stream of ids into valid UTF-8: holds the bytes of a character back
/// until it is whole, and writes U+FFFD for bytes that can be part of none.
typedef struct tokrt_text_stream_s tokrt_text_stream_t;

/// `text` must outlive the stream. Control tokens are written by name if
/// `show_control` is not 0, else left out.
tokrt_status_t tokrt_text_stream_create(const tokrt_text_t *text,
                                        int show_control,
                                        tokrt_text_stream_t **out_stream,
                                        tokrt_error_t *error);
void tokrt_text_stream_destroy(tokrt_text_stream_t *stream);

/// Adds a token and gives the text that is whole now, possibly none. It is
/// valid until the next call on this stream.
tokrt_status_t tokrt_text_stream_push(tokrt_text_stream_t *stream, int32_t id,
                                      const char **out_bytes, size_t *out_size,
                                      tokrt_error_t *error);

/// Ends the text: gives what was held back, and makes the stream ready for
/// another one.
tokrt_status_t tokrt_text_stream_finish(tokrt_text_stream_t *stream,
                                        const char **out_bytes,
                                        size_t *out_size, tokrt_error_t *error);

//===----------------------------------------------------------------------===//
// Chat
//===----------------------------------------------------------------------===//

/// One message of a conversation; both strings end with a zero byte.
typedef struct tokrt_text_message_s {
  const char *role; // "system", "user", "assistant"
  const char *content;
} tokrt_text_message_t;

/// Writes a conversation in the form the model was trained on, by the model
/// file's own template (`tokenizer.chat_template`); `open_reply` not 0 adds the
/// head of the assistant's next message. Encode the result with
/// `parse_special`; a message that spells a control token becomes one then.
/// Give `*out_prompt` to `tokrt_text_free`; a zero byte follows it.
///
/// The template may come from an untrusted file: its work and its output are
/// bounded. TOKRT_UNSUPPORTED if there is none, TOKRT_INVALID_FILE with the
/// place in the template if it is wrong or refuses the messages.
tokrt_status_t tokrt_text_apply_messages(const tokrt_text_t *text,
                                         const tokrt_text_message_t *messages,
                                         size_t message_count, int open_reply,
                                         char **out_prompt, size_t *out_size,
                                         tokrt_error_t *error);

/// The same for a single message of the user's that awaits its reply.
tokrt_status_t tokrt_text_apply_chat(const tokrt_text_t *text,
                                     const char *user_prompt, char **out_prompt,
                                     size_t *out_size, tokrt_error_t *error);

/// Gives the tokens that end a reply, ascending: end of sequence, end of turn,
/// and the control tokens known by name to be one of these. They live as long
/// as `text`.
void tokrt_text_eos(const tokrt_text_t *text, const int32_t **out_ids,
                    size_t *out_count);

#ifdef __cplusplus
} // extern "C"
#endif

#endif // TOKRT_TEXT_H_
