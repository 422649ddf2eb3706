/* rejects.h - the file of rows that were not taken: file,line,column,reason,row (RFC 4180).
 *
 * It is written beside its name and renamed when the batch is in the store: a batch that fails
 * leaves the last one's file alone. A device is written to as it is.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_INGEST_REJECTS_H
#define RSI_INGEST_REJECTS_H

#include <stdint.h>

#include "ringscope/error.h"
#include "ringscope/text.h"

typedef struct rsi_rejects rsi_rejects;

RS_MUST_USE rs_status rsi_rejects_open(rsi_rejects **out, const char *path, rs_error *err);
RS_MUST_USE rs_status rsi_rejects_add(rsi_rejects *rejects, const char *file, uint64_t line,
                                      size_t column, const char *reason, rs_text row,
                                      rs_error *err);
/* All is on disk after this, still under the temporary name. */
RS_MUST_USE rs_status rsi_rejects_sync(rsi_rejects *rejects, rs_error *err);
RS_MUST_USE rs_status rsi_rejects_publish(rsi_rejects *rejects, rs_error *err);
/* Without publishing, the temporary file is removed. */
void rsi_rejects_close(rsi_rejects *rejects);

#endif
