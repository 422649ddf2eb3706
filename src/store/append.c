/* append.c - a block into the batch: keys get their numbers, rows become chunks of narrow columns.
 *
 * Any number of threads at once, each with its own block, which is still in its core's cache. A
 * shard is one thread's at a time; whoever finds it taken does the others first. A chunk is filled
 * apart and then entered in the batch. Memory: 8 to 24 bytes a row.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/pages.h"
#include "base/try.h"
#include "store/batch_internal.h"
#include "store/intcodec.h"

enum { ROWS_AHEAD = 12 };
enum { SLAB_MIN = 1 << 16, SLAB_MAX = 1 << 21 };

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (rows of the batch)");
}

/* ---- keys --------------------------------------------------------------------------------- */

/* What the ids of a type took before and take now. */
typedef struct id_growth {
    uint64_t bytes; /* wraps round where it is less */
    uint64_t count;
} id_growth;

/* The shard is the caller's. */
static rs_status number_shard(rsi_batch_type_state *type, uint32_t number, const rsi_key_list *list,
                              id_growth *growth, rs_error *err)
{
    rsi_shard *shard = &type->shards[number];
    growth->bytes -= rsi_shard_bytes(shard);
    growth->count -= shard->id_count;
    rs_status status = rsi_shard_number(shard, number, list->keys, list->count, err);
    growth->bytes += rsi_shard_bytes(shard);
    growth->count += shard->id_count;
    return status;
}

static rs_status number_type(rsi_batch_type_state *type, const rsi_block_type *keys,
                             id_growth *growth, rs_error *err)
{
    rs_status status = RS_OK;
    bool later[RSI_SHARD_COUNT] = {false};
    for (uint32_t s = 0; status == RS_OK && s < RSI_SHARD_COUNT; s++) {
        if (keys->shards[s].count > 0) {
            later[s] = pthread_mutex_trylock(&type->mutexes[s]) != 0;
            if (!later[s]) {
                status = number_shard(type, s, &keys->shards[s], growth, err);
                pthread_mutex_unlock(&type->mutexes[s]);
            }
        }
    }
    for (uint32_t s = 0; status == RS_OK && s < RSI_SHARD_COUNT; s++) {
        if (later[s]) {
            pthread_mutex_lock(&type->mutexes[s]);
            status = number_shard(type, s, &keys->shards[s], growth, err);
            pthread_mutex_unlock(&type->mutexes[s]);
        }
    }
    return rs_context(err, status, "type \"%s\"", type->name);
}

static rs_status number_keys(rsi_batch *batch, const rsi_block *block, rs_error *err)
{
    rs_status status = RS_OK;
    for (uint32_t t = 0; status == RS_OK && t < block->type_end; t++) {
        id_growth growth = {0};
        if (block->types[t] != NULL) {
            rsi_batch_type_state *type = batch->types[t];
            status = number_type(type, block->types[t], &growth, err);
            pthread_mutex_lock(&batch->mutex);
            type->id_bytes += growth.bytes;
            type->id_count += growth.count;
            pthread_mutex_unlock(&batch->mutex);
        }
    }
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

/* Chunks are cut from slabs, which get larger with the relation and go all at once. The mutex is
 * held. */
static void *cut_memory(rsi_batch_relation_state *relation, size_t bytes)
{
    rsi_slab *slab = relation->slabs;
    bytes = (bytes + 15) & ~(size_t)15;
    if (slab == NULL || slab->bytes - slab->used < bytes) {
        size_t wanted = slab == NULL ? SLAB_MIN : 2 * slab->bytes;
        wanted = wanted > SLAB_MAX ? SLAB_MAX : wanted;
        wanted = wanted < bytes + sizeof *slab ? bytes + sizeof *slab : wanted;
        slab = rsi_pages_take(wanted);
        if (slab == NULL) {
            return NULL;
        }
        *slab = (rsi_slab){.next = relation->slabs, .bytes = wanted, .used = sizeof *slab};
        relation->slabs = slab;
        relation->bytes += wanted;
    }
    void *cut = (uint8_t *)slab + slab->used;
    slab->used += bytes;
    return cut;
}

/* A chunk with the columns that `rows` need, in one piece of memory. The widest columns come first,
 * so that each is aligned. */
static rsi_chunk *new_chunk(rsi_batch_relation_state *relation, const rsi_block_rows *rows)
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
    rsi_chunk *chunk = cut_memory(relation, bytes);
    if (chunk == NULL) {
        return NULL;
    }
    *chunk = (rsi_chunk){.count = rows->count, .time_base = timed ? rows->time_min : 0};
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

/* Room for one more pointer in a list that has `count`: it doubles at powers of two. */
static rs_status widen_list(void **list, size_t count, rs_error *err)
{
    if ((count & (count - 1)) == 0) {
        void *wider = realloc(*list, (count == 0 ? 1 : 2 * count) * sizeof(void *));
        if (wider == NULL) {
            return no_memory(err);
        }
        *list = wider;
    }
    return RS_OK;
}

/* The place of the chunk is settled first, then it is filled; no commit comes before that. */
static rs_status enter_chunk(rsi_batch *batch, rsi_batch_relation_state *relation,
                             const rsi_block_rows *rows, rsi_chunk **out, rs_error *err)
{
    pthread_mutex_lock(&batch->mutex);
    void *chunks = relation->chunks;
    rs_status status = widen_list(&chunks, relation->chunk_count, err);
    relation->chunks = chunks;
    *out = status == RS_OK ? new_chunk(relation, rows) : NULL;
    if (*out != NULL) {
        relation->chunks[relation->chunk_count++] = *out;
    }
    pthread_mutex_unlock(&batch->mutex);
    return *out == NULL ? no_memory(err) : RS_OK;
}

static rs_status take_rows(rsi_batch *batch, const rsi_block *block, rs_error *err)
{
    rs_status status = RS_OK;
    for (uint32_t r = 0; r < block->relation_end; r++) {
        const rsi_block_rows *rows = block->relations[r];
        rsi_chunk *chunk = NULL;
        if (rows != NULL && rows->count > 0) {
            rsi_batch_relation_state *relation = batch->relations[r];
            RS_TRY(enter_chunk(batch, relation, rows, &chunk, err));
            fill_chunk(chunk, rows, block->types[relation->src_type],
                       block->types[relation->dst_type]);
            fill_extras(chunk, rows, block->types[relation->key_type]);
        }
    }
done:
    return status;
}

/* ---- values ------------------------------------------------------------------------------- */

static rsi_value_chunk *copy_values(const rsi_block_values *values, const rsi_block_type *type)
{
    size_t entry_bytes = values->count * sizeof(rsi_value_entry);
    size_t bytes = sizeof(rsi_value_chunk) + entry_bytes + values->text_bytes;
    rsi_value_chunk *chunk = malloc(bytes);
    if (chunk == NULL) {
        return NULL;
    }
    chunk->bytes = bytes;
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
    return chunk;
}

static rs_status take_values(rsi_batch *batch, const rsi_block *block, rs_error *err)
{
    rs_status status = RS_OK;
    for (uint32_t a = 0; status == RS_OK && a < block->attribute_end; a++) {
        const rsi_block_values *values = block->attributes[a];
        if (values == NULL || values->count == 0) {
            continue;
        }
        rsi_batch_attribute_state *attribute = batch->attributes[a];
        rsi_value_chunk *chunk = copy_values(values, block->types[attribute->type]);
        if (chunk == NULL) {
            return no_memory(err);
        }
        pthread_mutex_lock(&batch->mutex);
        void *chunks = attribute->chunks;
        status = widen_list(&chunks, attribute->chunk_count, err);
        attribute->chunks = chunks;
        if (status == RS_OK) {
            attribute->chunks[attribute->chunk_count++] = chunk;
            attribute->bytes += chunk->bytes;
            chunk = NULL;
        }
        pthread_mutex_unlock(&batch->mutex);
        free(chunk);
    }
    return status;
}

/* ---- a block ------------------------------------------------------------------------------ */

rs_status rsi_batch_append(rsi_batch *batch, rsi_block *block, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(number_keys(batch, block, err));
    RS_TRY(take_rows(batch, block, err));
    RS_TRY(take_values(batch, block, err));
done:
    pthread_mutex_lock(&batch->mutex);
    rsi_digest_add(&batch->digest, block->digest);
    batch->spoiled = batch->spoiled || status != RS_OK;
    rsi_batch_weigh(batch);
    pthread_mutex_unlock(&batch->mutex);
    return status;
}

void rsi_chunks_free(rsi_batch_relation_state *relation)
{
    while (relation->slabs != NULL) {
        rsi_slab *slab = relation->slabs;
        relation->slabs = slab->next;
        rsi_pages_give(slab, slab->bytes);
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
