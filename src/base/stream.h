/* stream.h - bytes of a file or of standard input, decompressed on the way.
 *
 *   plain | gzip (members one after another) | zstd (frames one after another), told apart by their
 *   first bytes, never by the name
 *
 * Life     rsi_stream_open -> rsi_stream_read until it gives 0 -> rsi_stream_close
 * Memory   64 KiB of input and the decoder's window (zstd: up to 128 MiB where the file asks for
 * it) Trust    a truncated or damaged file is RS_EINPUT with the offset in the file as it is stored
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_BASE_STREAM_H
#define RSI_BASE_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "ringscope/error.h"

typedef struct rsi_stream rsi_stream;

/* `path` "-" is standard input, which is not closed. RS_EIO (the message has the path and the
 * reason), RS_EINPUT (a directory), RS_ENOMEM. */
RS_MUST_USE rs_status rsi_stream_open(rsi_stream **out, const char *path, rs_error *err);
/* Bytes from memory instead of a file, for tests and fuzzing; lent until the stream is closed. */
RS_MUST_USE rs_status rsi_stream_open_memory(rsi_stream **out, const char *name, const void *bytes,
                                             size_t length, rs_error *err);
/* Bytes that `read` gives instead of a file, taken as they are: they are never unpacked. `read`
 * fills up to `capacity` bytes, less only at the end, and sees itself to signals. */
typedef rs_status (*rsi_stream_source)(void *context, char *bytes, size_t capacity, size_t *got,
                                       rs_error *err);
RS_MUST_USE rs_status rsi_stream_open_source(rsi_stream **out, const char *name,
                                             rsi_stream_source read, void *context, rs_error *err);
void rsi_stream_close(rsi_stream *stream);

/* While a pipe or a terminal keeps a read waiting, ask `check` five times a second whether to go
 * on; what it fails with ends the read. Files on disk do not wait and are not asked about. */
typedef rs_status (*rsi_stream_check)(void *context, rs_error *err);
void rsi_stream_ask(rsi_stream *stream, rsi_stream_check check, void *context);

/* Fill `bytes` with up to `capacity` bytes; *got is less only at the end. */
RS_MUST_USE rs_status rsi_stream_read(rsi_stream *stream, char *bytes, size_t capacity, size_t *got,
                                      rs_error *err);

/* Bytes of the file as it is stored: all of them (0: not known) and those read so far. */
uint64_t rsi_stream_size(const rsi_stream *stream);
uint64_t rsi_stream_consumed(const rsi_stream *stream);

#endif
