/* queue.c - a ring of chunks between reading and settling.
 *
 * Invariant: settled <= started <= read <= settled + chunk_count; ring[i % chunk_count] is chunk i
 * of those between `settled` and `read`, all others are free. What is free is handed out last come,
 * first served: its memory is still in the cache.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ingest/queue.h"

#include <stdlib.h>

#include "base/lock.h"
#include "base/try.h"

struct rsi_queue {
    rsi_queue_options options;
    rsi_lock *lock; /* over all below, and the feed */
    rsi_chunk *chunks;
    rsi_chunk **ring;
    rsi_chunk **idle;
    size_t idle_count;
    size_t read;
    size_t started;
    size_t settled;
    bool ended; /* nothing more is read: the end, or a failure */
    bool paused;
    rs_status status;
    rs_error error;
};

rs_status rsi_queue_new(rsi_queue **out, const rsi_queue_options *options, rs_error *err)
{
    rs_status status = RS_OK;
    size_t count = options->chunk_count;
    rsi_queue *queue = calloc(1, sizeof *queue);
    if (queue == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (chunks)");
    }
    queue->options = *options;
    queue->chunks = calloc(count, sizeof *queue->chunks);
    queue->ring = calloc(count, sizeof(rsi_chunk *));
    queue->idle = calloc(count, sizeof(rsi_chunk *));
    if (queue->chunks == NULL || queue->ring == NULL || queue->idle == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (chunks)");
        goto done;
    }
    RS_TRY(rsi_lock_new(&queue->lock, err));
    for (size_t i = 0; i < count; i++) {
        queue->idle[queue->idle_count++] = &queue->chunks[i];
    }
    *out = queue;
    queue = NULL; /* moved to the caller */
done:
    rsi_queue_free(queue);
    return status;
}

void rsi_queue_free(rsi_queue *queue)
{
    if (queue == NULL) {
        return;
    }
    for (size_t i = 0; queue->chunks != NULL && i < queue->options.chunk_count; i++) {
        rsi_chunk_clear(&queue->chunks[i]);
    }
    rsi_lock_free(queue->lock);
    free(queue->chunks);
    free(queue->ring);
    free(queue->idle);
    free(queue);
}

/* ---- all of these with the lock, or while no other thread is at work ----------------------- */

static void fail(rsi_queue *queue, rs_status status, const rs_error *error)
{
    if (queue->status == RS_OK) {
        queue->status = status;
        queue->error = *error;
    }
    queue->ended = true;
}

/* All that are back, up to the first that is not. */
static void settle(rsi_queue *queue)
{
    while (queue->settled < queue->read) {
        rsi_chunk *chunk = queue->ring[queue->settled % queue->options.chunk_count];
        if (!chunk->done) {
            break;
        }
        if (queue->status == RS_OK) {
            rs_error error = {.status = RS_OK};
            rs_status status = queue->options.settle(queue->options.context, chunk, &error);
            if (status != RS_OK) {
                fail(queue, status, &error);
            }
        }
        queue->idle[queue->idle_count++] = chunk;
        queue->settled++;
    }
}

/* Read a chunk into a free place. */
static void read_chunk(rsi_queue *queue)
{
    rsi_chunk *chunk = queue->idle[queue->idle_count - 1];
    chunk->status = rsi_feed_next(queue->options.feed, &chunk->input, &chunk->error);
    bool failed = chunk->status != RS_OK;
    queue->ended = queue->ended || failed || chunk->input.piece.length == 0;
    if (failed || chunk->input.piece.length > 0) {
        chunk->done = failed;
        queue->ring[queue->read++ % queue->options.chunk_count] = chunk;
        queue->idle_count--;
    }
}

/* The next of those that were read and can be parsed. */
static rsi_chunk *start_chunk(rsi_queue *queue)
{
    while (queue->started < queue->read) {
        rsi_chunk *chunk = queue->ring[queue->started++ % queue->options.chunk_count];
        if (!chunk->done) {
            return chunk;
        }
    }
    return NULL;
}

/* ---- for workers -------------------------------------------------------------------------- */

rsi_chunk *rsi_queue_take(rsi_queue *queue)
{
    rsi_chunk *chunk = NULL;
    rsi_lock_take(queue->lock);
    bool reads = !queue->options.reads_ahead;
    while (reads && !queue->ended && !queue->paused && queue->idle_count == 0) {
        rsi_lock_wait(queue->lock);
    }
    if (!queue->paused) {
        if (reads && !queue->ended) {
            read_chunk(queue);
        }
        chunk = start_chunk(queue);
        settle(queue); /* a chunk that could not be read is back at once */
    }
    rsi_lock_give(queue->lock);
    return chunk;
}

void rsi_queue_give(rsi_queue *queue, rsi_chunk *chunk, bool last)
{
    rsi_lock_take(queue->lock);
    chunk->done = true;
    queue->ended = queue->ended || last || chunk->status != RS_OK;
    settle(queue);
    rsi_lock_wake(queue->lock);
    rsi_lock_give(queue->lock);
}

void rsi_queue_pause(rsi_queue *queue)
{
    rsi_lock_take(queue->lock);
    queue->paused = true;
    rsi_lock_wake(queue->lock);
    rsi_lock_give(queue->lock);
}

void rsi_queue_stop(rsi_queue *queue, rs_status status, const rs_error *error)
{
    rsi_lock_take(queue->lock);
    fail(queue, status, error);
    rsi_lock_wake(queue->lock);
    rsi_lock_give(queue->lock);
}

uint64_t rsi_queue_done(rsi_queue *queue)
{
    rsi_lock_take(queue->lock);
    uint64_t done = rsi_feed_done(queue->options.feed);
    rsi_lock_give(queue->lock);
    return done;
}

/* ---- between times ------------------------------------------------------------------------ */

void rsi_queue_fill(rsi_queue *queue)
{
    while (queue->options.reads_ahead && !queue->ended && queue->idle_count > 0) {
        read_chunk(queue);
    }
    settle(queue);
}

void rsi_queue_resume(rsi_queue *queue)
{
    queue->paused = false;
}

rs_status rsi_queue_result(const rsi_queue *queue, bool *more, rs_error *err)
{
    *more = !queue->ended || queue->started < queue->read;
    if (queue->status != RS_OK) {
        *err = queue->error;
    }
    return queue->status;
}
