/* queue.h - chunks that are read one after the other, parsed side by side, and looked at in the
 * order in which they were read.
 *
 * Life     rsi_queue_new -> workers: rsi_queue_take, parse, rsi_queue_give, until there is none ->
 *          rsi_queue_result -> again, where it only paused -> rsi_queue_free
 * Order    whoever gives back the earliest chunk that is still out has it settled, and those behind
 *          it that are back; so the first failure is that of the files, not of the threads
 * Memory   chunk_count pieces; who finds none free waits for the earliest to come back
 * Threads  any number take and give; the rest is for one thread while no other is at work
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_INGEST_QUEUE_H
#define RSI_INGEST_QUEUE_H

#include "ingest/chunk.h"
#include "ingest/feed.h"

typedef struct rsi_queue rsi_queue;

typedef struct rsi_queue_options {
    rsi_feed *feed; /* lent */
    size_t chunk_count;
    bool reads_ahead; /* an input may keep its reader waiting: only rsi_queue_fill reads */
    /* Look at a chunk, one at a time and in order, whichever thread it is. After a failure of this
     * or of a chunk none is looked at any more. */
    rs_status (*settle)(void *context, const rsi_chunk *chunk, rs_error *err);
    void *context;
} rsi_queue_options;

RS_MUST_USE rs_status rsi_queue_new(rsi_queue **out, const rsi_queue_options *options,
                                    rs_error *err);
void rsi_queue_free(rsi_queue *queue);

/* Where it reads ahead: read as many chunks as there is room for. */
void rsi_queue_fill(rsi_queue *queue);
/* The next chunk to parse; NULL: there is none, or the queue stops. */
rsi_chunk *rsi_queue_take(rsi_queue *queue);
/* Bring it back, parsed or with a failure; `last`: what comes behind it does not matter. */
void rsi_queue_give(rsi_queue *queue, rsi_chunk *chunk, bool last);
/* Hand out no more chunks before rsi_queue_resume. */
void rsi_queue_pause(rsi_queue *queue);
void rsi_queue_resume(rsi_queue *queue);
/* Stop with a failure that is no chunk's. */
void rsi_queue_stop(rsi_queue *queue, rs_status status, const rs_error *error);

/* The first failure. *more: there may be chunks left. */
RS_MUST_USE rs_status rsi_queue_result(const rsi_queue *queue, bool *more, rs_error *err);
/* How far the feed is (rsi_feed_done). Any thread. */
uint64_t rsi_queue_done(rsi_queue *queue);

#endif
