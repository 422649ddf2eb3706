/* append.c - blocks into the batch: keys get their numbers, rows become chunks of narrow columns.
 *
 * First every shard with all its keys of all blocks (a shard is one thread's), then every pair of
 * block and relation. Memory: 8 to 24 bytes a row.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <sys/mman.h>

#include "base/parallel.h"
#include "base/try.h"
#include "store/batch_internal.h"
#include "store/intcodec.h"

enum { ROWS_AHEAD = 12 };

typedef struct append_job {
    uint32_t type; /* of a shard; else the relation or attribute */
    uint32_t shard;
    size_t block;
    size_t slot; /* where the chunk goes */
} append_job;

typedef struct append_state {
    rsi_batch *batch;
    rsi_block *const *blocks;
    size_t block_count;
    append_job *jobs;
    size_t job_count;
} append_state;

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (rows of the batch)");
}

/* ---- keys --------------------------------------------------------------------------------- */

static rs_status number_shard(void *context, size_t index, unsigned worker, rs_error *err)
{
    const append_state *state = context;
    const append_job *job = &state->jobs[index];
    rsi_shard *shard = &state->batch->types[job->type]->shards[job->shard];
    rs_status status = RS_OK;
    (void)worker;
    for (size_t i = 0; status == RS_OK && i < state->block_count; i++) {
        const rsi_block_type *type = state->blocks[i]->types[job->type];
        if (type != NULL) {
            const rsi_key_list *list = &type->shards[job->shard];
            status = rsi_shard_number(shard, job->shard, list->keys, list->count, err);
        }
    }
    return rs_context(err, status, "type \"%s\"", state->batch->types[job->type]->name);
}

static bool shard_in_use(const append_state *state, uint32_t type, uint32_t shard)
{
    for (size_t i = 0; i < state->block_count; i++) {
        const rsi_block_type *keys = state->blocks[i]->types[type];
        if (keys != NULL && keys->shards[shard].count > 0) {
            return true;
        }
    }
    return false;
}

static rs_status number_keys(append_state *state, uint32_t type_count, rs_error *err)
{
    state->job_count = 0;
    state->jobs = malloc((size_t)type_count * RSI_SHARD_COUNT * sizeof *state->jobs + 1);
    if (state->jobs == NULL) {
        return no_memory(err);
    }
    for (uint32_t type = 0; type < type_count; type++) {
        for (uint32_t shard = 0; shard < RSI_SHARD_COUNT; shard++) {
            if (shard_in_use(state, type, shard)) {
                state->jobs[state->job_count++] = (append_job){.type = type, .shard = shard};
            }
        }
    }
    rs_status status =
        rsi_parallel(&state->batch->work, state->job_count, number_shard, state, err);
    free(state->jobs);
    state->jobs = NULL;
    return status;
}

/* ---- rows --------------------------------------------------------------------------------- */

static uint32_t local_of(const rsi_block_type *type, uint32_t ref)
{
    return type->shards[ref >> RSI_LOCAL_BITS].keys[ref & RSI_LOCAL_MASK].local;
}

/* Numbers stand in the key lists of all shards: ask for those of a later row in time. */
static void ask_for(const rsi_block_type *type, uint32_t ref)
{
    __builtin_prefetch(&type->shards[ref >> RSI_LOCAL_BITS].keys[ref & RSI_LOCAL_MASK].local);
}

static bool time_fits(const rsi_block_rows *rows)
{
    return (uint64_t)rows->time_max - (uint64_t)rows->time_min < UINT32_MAX - 1;
}

/* Large chunks are pages of their own: what a run or a commit frees is the system's at once. */
enum { MAPPED_MIN = 1 << 17 };

static void *take_memory(size_t bytes)
{
    if (bytes < MAPPED_MIN) {
        return malloc(bytes);
    }
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return pages == MAP_FAILED ? NULL : pages;
}

void rsi_chunk_free(rsi_chunk *chunk)
{
    if (chunk != NULL && chunk->bytes >= MAPPED_MIN) {
        (void)munmap(chunk, chunk->bytes);
    } else {
        free(chunk);
    }
}

/* A chunk with the columns that `rows` need, in one piece of memory. The widest columns come first,
 * so that each is aligned. */
static rsi_chunk *new_chunk(const rsi_block_rows *rows)
{
    size_t count = rows->count;
    bool timed = rows->time_min <= rows->time_max;
    bool time_wide = timed && !time_fits(rows);
    bool amount_wide = rows->amount_max > UINT32_MAX;
    size_t wide = (time_wide ? 8u : 0u) + (amount_wide ? 8u : 0u);
    size_t narrow =
        8 + (timed && !time_wide ? 4u : 0u) + (rows->amount_max > 0 && !amount_wide ? 4u : 0u);
    size_t extra = rows->has_extras ? sizeof(rsi_row_extra) : 0;
    size_t bytes = sizeof(rsi_chunk) + count * (wide + narrow + extra);
    rsi_chunk *chunk = take_memory(bytes);
    if (chunk == NULL) {
        return NULL;
    }
    *chunk =
        (rsi_chunk){.bytes = bytes, .count = rows->count, .time_base = timed ? rows->time_min : 0};
    uint8_t *at = (uint8_t *)(chunk + 1);
    chunk->extra = extra > 0 ? (rsi_row_extra *)(void *)at : NULL;
    at += count * extra;
    chunk->time64 = time_wide ? (int64_t *)(void *)at : NULL;
    at += time_wide ? count * 8 : 0;
    chunk->amount64 = amount_wide ? (int64_t *)(void *)at : NULL;
    at += amount_wide ? count * 8 : 0;
    chunk->src = (uint32_t *)(void *)at;
    chunk->dst = chunk->src + count;
    uint32_t *next = chunk->dst + count;
    chunk->time32 = timed && !time_wide ? next : NULL;
    next += chunk->time32 != NULL ? count : 0;
    chunk->amount32 = rows->amount_max > 0 && !amount_wide ? next : NULL;
    return chunk;
}

static void fill_extras(rsi_chunk *chunk, const rsi_block_rows *rows, const rsi_block_type *keys)
{
    for (size_t i = 0; chunk->extra != NULL && i < chunk->count; i++) {
        chunk->extra[i] = rows->extras[i];
        if (chunk->extra[i].key != RSI_NO_KEY) {
            chunk->extra[i].key = local_of(keys, chunk->extra[i].key);
        }
    }
}

static void fill_chunk(rsi_chunk *chunk, const rsi_block_rows *rows, const rsi_block_type *src,
                       const rsi_block_type *dst)
{
    int64_t base = chunk->time_base;
    for (size_t i = 0; i < chunk->count; i++) {
        const rsi_block_row *row = &rows->rows[i];
        if (i + ROWS_AHEAD < chunk->count) {
            ask_for(src, row[ROWS_AHEAD].src);
            ask_for(dst, row[ROWS_AHEAD].dst);
        }
        chunk->src[i] = local_of(src, row->src);
        chunk->dst[i] = local_of(dst, row->dst);
        if (chunk->time32 != NULL) {
            chunk->time32[i] =
                row->time == RS_NO_TIME ? 0 : (uint32_t)((uint64_t)row->time - (uint64_t)base) + 1;
        } else if (chunk->time64 != NULL) {
            chunk->time64[i] = row->time;
        }
        if (chunk->amount32 != NULL) {
            chunk->amount32[i] =
                row->amount == RS_NO_AMOUNT ? 0 : (uint32_t)rsi_zigzag(row->amount) + 1;
        } else if (chunk->amount64 != NULL) {
            chunk->amount64[i] = row->amount;
        }
    }
}

static rs_status make_chunk(void *context, size_t index, unsigned worker, rs_error *err)
{
    const append_state *state = context;
    const append_job *job = &state->jobs[index];
    const rsi_block *block = state->blocks[job->block];
    rsi_batch_relation_state *relation = state->batch->relations[job->type];
    const rsi_block_rows *rows = block->relations[job->type];
    rsi_chunk *chunk = new_chunk(rows);
    (void)worker;
    if (chunk == NULL) {
        return no_memory(err);
    }
    fill_chunk(chunk, rows, block->types[relation->src_type], block->types[relation->dst_type]);
    fill_extras(chunk, rows, block->types[relation->key_type]);
    relation->chunks[job->slot] = chunk;
    return RS_OK;
}

/* Room for one chunk per block that has rows; empty until the job fills it. */
static rs_status plan_relation(append_state *state, uint32_t number, rs_error *err)
{
    rsi_batch_relation_state *relation = state->batch->relations[number];
    for (size_t i = 0; i < state->block_count; i++) {
        const rsi_block_rows *rows = state->blocks[i]->relations[number];
        if (rows == NULL || rows->count == 0) {
            continue;
        }
        size_t count = relation->chunk_count;
        if ((count & (count - 1)) == 0) {
            rsi_chunk **chunks =
                realloc(relation->chunks, (count == 0 ? 1 : 2 * count) * sizeof *chunks);
            if (chunks == NULL) {
                return no_memory(err);
            }
            relation->chunks = chunks;
        }
        relation->chunks[count] = NULL;
        relation->chunk_count = count + 1;
        state->jobs[state->job_count++] = (append_job){.type = number, .block = i, .slot = count};
    }
    return RS_OK;
}

static rs_status make_chunks(append_state *state, uint32_t relation_count, rs_error *err)
{
    rs_status status = RS_OK;
    state->job_count = 0;
    state->jobs = malloc((size_t)relation_count * state->block_count * sizeof *state->jobs + 1);
    if (state->jobs == NULL) {
        return no_memory(err);
    }
    for (uint32_t i = 0; i < relation_count; i++) {
        RS_TRY(plan_relation(state, i, err));
    }
    RS_TRY(rsi_parallel(&state->batch->work, state->job_count, make_chunk, state, err));
    for (size_t i = 0; i < state->job_count; i++) {
        rsi_batch_relation_state *relation = state->batch->relations[state->jobs[i].type];
        relation->bytes += relation->chunks[state->jobs[i].slot]->bytes;
    }
done:
    free(state->jobs);
    state->jobs = NULL;
    return status;
}

/* ---- values ------------------------------------------------------------------------------- */

static rs_status take_values(rsi_batch_attribute_state *attribute, const rsi_block_values *values,
                             const rsi_block_type *type, rs_error *err)
{
    size_t count = attribute->chunk_count;
    if ((count & (count - 1)) == 0) {
        void *chunks =
            realloc(attribute->chunks, (count == 0 ? 1 : 2 * count) * sizeof *attribute->chunks);
        if (chunks == NULL) {
            return no_memory(err);
        }
        attribute->chunks = chunks;
    }
    size_t entry_bytes = values->count * sizeof(rsi_value_entry);
    size_t bytes = sizeof(rsi_value_chunk) + entry_bytes + values->text_bytes;
    rsi_value_chunk *chunk = malloc(bytes);
    if (chunk == NULL) {
        return no_memory(err);
    }
    chunk->bytes = bytes;
    attribute->bytes += bytes;
    chunk->count = values->count;
    chunk->text = (char *)&chunk->entries[values->count];
    uint64_t offset = 0;
    for (size_t i = 0; i < values->count; i++) {
        const rsi_block_value_row *row = &values->rows[i];
        chunk->entries[i] = (rsi_value_entry){.time = row->time,
                                              .offset = offset,
                                              .node = local_of(type, row->node),
                                              .length = (uint32_t)row->text.length};
        if (row->text.length > 0) {
            memcpy(chunk->text + offset, row->text.bytes, row->text.length);
        }
        offset += row->text.length;
    }
    attribute->chunks[count] = chunk;
    attribute->chunk_count = count + 1;
    return RS_OK;
}

static rs_status take_all_values(append_state *state, uint32_t attribute_count, rs_error *err)
{
    rs_status status = RS_OK;
    for (uint32_t a = 0; a < attribute_count; a++) {
        rsi_batch_attribute_state *attribute = state->batch->attributes[a];
        for (size_t i = 0; status == RS_OK && i < state->block_count; i++) {
            const rsi_block_values *values = state->blocks[i]->attributes[a];
            if (values != NULL && values->count > 0) {
                status =
                    take_values(attribute, values, state->blocks[i]->types[attribute->type], err);
            }
        }
    }
    return status;
}

rs_status rsi_batch_append(rsi_batch *batch, rsi_block *const *blocks, size_t count, rs_error *err)
{
    rs_status status = RS_OK;
    append_state state = {.batch = batch, .blocks = blocks, .block_count = count};
    /* Other threads may register more names meanwhile; these blocks use none of those. */
    pthread_mutex_lock(&batch->mutex);
    uint32_t type_count = batch->type_count;
    uint32_t relation_count = batch->relation_count;
    uint32_t attribute_count = batch->attribute_count;
    pthread_mutex_unlock(&batch->mutex);
    RS_TRY(number_keys(&state, type_count, err));
    RS_TRY(make_chunks(&state, relation_count, err));
    RS_TRY(take_all_values(&state, attribute_count, err));
    for (size_t i = 0; i < count; i++) {
        rsi_digest_add(&batch->digest, blocks[i]->digest);
    }
    RS_TRY(rsi_batch_relieve(batch, err));
done:
    batch->spoiled = batch->spoiled || status != RS_OK;
    return status;
}

void rsi_chunks_free(rsi_batch_relation_state *relation)
{
    for (size_t i = 0; i < relation->chunk_count; i++) {
        rsi_chunk_free(relation->chunks[i]);
    }
    free(relation->chunks);
    relation->chunks = NULL;
    relation->chunk_count = 0;
    relation->bytes = 0;
}

void rsi_value_chunks_free(rsi_batch_attribute_state *attribute)
{
    for (size_t i = 0; i < attribute->chunk_count; i++) {
        free(attribute->chunks[i]);
    }
    free(attribute->chunks);
    attribute->chunks = NULL;
    attribute->chunk_count = 0;
    attribute->bytes = 0;
}
