/* block.c - rows of one piece of input, gathered by one thread.
 *
 * Ids are hashed here, in the thread that just read their bytes, and listed by type and shard.
 * A row refers to them by place in the list; append turns places into numbers.
 * The digest of the block is the sum of a 128-bit hash of each row, so it does not depend on order.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <stdlib.h>

#include "base/hash_inline.h"
#include "base/try.h"
#include "store/batch_internal.h"
#include "store/intcodec.h"

enum { KEYS_AHEAD = 8 };
enum { EDGE_WORDS = 7 }; /* what the digest of an edge's row is over (docs/FORMAT.md) */

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (rows of a block)");
}

/* Make *items wider by halves. */
static rs_status widen(void **items, size_t wanted, size_t size, rs_error *err)
{
    void *wider = realloc(*items, wanted * size);
    if (wider == NULL) {
        return no_memory(err);
    }
    *items = wider;
    return RS_OK;
}

static size_t wider(size_t capacity)
{
    return capacity < 16 ? 16 : capacity + capacity / 2;
}

/* The key lists of a type, made when first used; NULL: out of memory. */
static rsi_block_type *type_of(rsi_block *block, uint32_t type)
{
    assert(type < RSI_BATCH_TYPES_MAX);
    if (block->types[type] == NULL) {
        block->types[type] = calloc(1, sizeof *block->types[type]);
        block->type_end = block->type_end > type ? block->type_end : type + 1;
    }
    return block->types[type];
}

static rs_status widen_keys(rsi_key_list *list, rs_error *err)
{
    size_t capacity = wider(list->capacity);
    if (capacity > RSI_LOCAL_MASK) {
        return rs_fail(err, RS_EUSAGE, "more than %u ids in one block", RSI_LOCAL_MASK);
    }
    void *keys = list->keys;
    rs_status status = widen(&keys, capacity, sizeof *list->keys, err);
    if (status == RS_OK) {
        list->keys = keys;
        list->capacity = (uint32_t)capacity;
    }
    return status;
}

static inline rs_status add_key(rsi_block_type *type, rs_text id, uint64_t hash, uint32_t *ref,
                                rs_error *err)
{
    uint32_t shard = (uint32_t)(hash >> (64 - RSI_SHARD_BITS));
    rsi_key_list *list = &type->shards[shard];
    if (list->count == list->capacity) {
        rs_status status = widen_keys(list, err);
        if (status != RS_OK) {
            return status;
        }
    }
    *ref = shard << RSI_LOCAL_BITS | list->count;
    rsi_key *key = &list->keys[list->count++];
    *key = rsi_key_of(id, hash);
    /* Lists are many and were last written by the thread that numbered them: the next lines are
     * asked for in time (the address may lie behind the list; it is not looked at). */
    __builtin_prefetch((const void *)((uintptr_t)key + KEYS_AHEAD * sizeof *key), 1);
    return RS_OK;
}

static inline rs_status check_id(rs_text id, rs_error *err)
{
    if (id.length > RSI_ID_BYTES_MAX) {
        return rs_fail(err, RS_EINPUT, "an id of %zu bytes (at most %zu are stored)", id.length,
                       RSI_ID_BYTES_MAX);
    }
    return RS_OK;
}

/* Add the hash of a row; `fields` are hashed as little-endian words. */
static inline void digest_row(rsi_block *block, uint64_t *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        rsi_store_u64le(&fields[i], fields[i]);
    }
    rsi_digest_add(&block->digest, rsi_hash_128_inline(fields, 8 * count));
}

/* ---- life --------------------------------------------------------------------------------- */

rs_status rsi_block_new(rsi_block **out, rsi_batch *batch, rs_error *err)
{
    rsi_block *block = calloc(1, sizeof *block);
    if (block == NULL) {
        return no_memory(err);
    }
    block->batch = batch;
    block->keep_rows = batch->keep_rows;
    *out = block;
    return RS_OK;
}

static void free_type(rsi_block_type *type)
{
    for (uint32_t i = 0; type != NULL && i < RSI_SHARD_COUNT; i++) {
        free(type->shards[i].keys);
    }
    free(type);
}

void rsi_block_free(rsi_block *block)
{
    if (block == NULL) {
        return;
    }
    for (size_t i = 0; i < block->type_end; i++) {
        free_type(block->types[i]);
    }
    for (size_t i = 0; i < block->relation_end; i++) {
        if (block->relations[i] != NULL) {
            free(block->relations[i]->rows);
            free(block->relations[i]->extras);
            free(block->relations[i]);
        }
    }
    for (size_t i = 0; i < block->attribute_end; i++) {
        if (block->attributes[i] != NULL) {
            free(block->attributes[i]->rows);
            free(block->attributes[i]);
        }
    }
    free(block);
}

static void reset_rows(rsi_block_rows *rows)
{
    rows->count = 0;
    rows->has_extras = false;
    rows->time_min = INT64_MAX;
    rows->time_max = INT64_MIN;
    rows->amount_max = 0;
}

void rsi_block_reset(rsi_block *block)
{
    block->digest = (rsi_hash128){0};
    for (size_t i = 0; i < block->type_end; i++) {
        for (uint32_t s = 0; block->types[i] != NULL && s < RSI_SHARD_COUNT; s++) {
            block->types[i]->shards[s].count = 0;
        }
    }
    for (size_t i = 0; i < block->relation_end; i++) {
        if (block->relations[i] != NULL) {
            reset_rows(block->relations[i]);
        }
    }
    for (size_t i = 0; i < block->attribute_end; i++) {
        if (block->attributes[i] != NULL) {
            block->attributes[i]->count = 0;
            block->attributes[i]->text_bytes = 0;
        }
    }
}

/* ---- nodes and edges ---------------------------------------------------------------------- */

rs_status rsi_block_node(rsi_block *block, uint32_t type, rs_text id, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t ref = 0;
    uint64_t hash = rsi_hash64_inline(id.bytes, id.length);
    rsi_block_type *keys = type_of(block, type);
    if (keys == NULL) {
        return no_memory(err);
    }
    RS_TRY(check_id(id, err));
    RS_TRY(add_key(keys, id, hash, &ref, err));
    digest_row(block, (uint64_t[]){block->batch->types[type]->hash, hash}, 2);
done:
    return status;
}

static rs_status make_rows(rsi_block *block, uint32_t relation, rs_error *err)
{
    const rsi_batch_relation_state *state = block->batch->relations[relation];
    rsi_block_rows *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return no_memory(err);
    }
    reset_rows(made);
    made->hash = state->hash;
    made->src_keys = type_of(block, state->src_type);
    made->dst_keys = type_of(block, state->dst_type);
    if (made->src_keys == NULL || made->dst_keys == NULL) {
        free(made);
        return no_memory(err);
    }
    block->relations[relation] = made;
    block->relation_end = block->relation_end > relation ? block->relation_end : relation + 1;
    return RS_OK;
}

static rs_status widen_rows(rsi_block_rows *rows, rs_error *err)
{
    size_t capacity = wider(rows->capacity);
    void *items = rows->rows;
    if (capacity > UINT32_MAX / 2) {
        return rs_fail(err, RS_EUSAGE, "more than %u rows in one block", UINT32_MAX / 2);
    }
    rs_status status = widen(&items, capacity, sizeof *rows->rows, err);
    rows->rows = items;
    if (status == RS_OK && rows->extras != NULL) {
        items = rows->extras;
        status = widen(&items, capacity, sizeof *rows->extras, err);
        rows->extras = items;
    }
    rows->capacity = status == RS_OK ? (uint32_t)capacity : rows->capacity;
    return status;
}

/* The rows of a relation, with room for one more. */
static inline rs_status rows_of(rsi_block *block, uint32_t relation, rsi_block_rows **out,
                                rs_error *err)
{
    rs_status status = RS_OK;
    if (block->relations[relation] == NULL) {
        RS_TRY(make_rows(block, relation, err));
    }
    *out = block->relations[relation];
    if ((*out)->count == (*out)->capacity) {
        RS_TRY(widen_rows(*out, err));
    }
done:
    return status;
}

/* From the first row that needs one, every row of the block has an extra. */
static rs_status put_extra(rsi_block_rows *rows, rsi_row_extra extra, rs_error *err)
{
    if (rows->extras == NULL) {
        rows->extras = malloc(rows->capacity * sizeof *rows->extras);
        if (rows->extras == NULL) {
            return no_memory(err);
        }
    }
    for (uint32_t i = 0; !rows->has_extras && i < rows->count; i++) {
        rows->extras[i] = (rsi_row_extra){.precision_s = 1, .key = RSI_NO_KEY};
    }
    rows->has_extras = true;
    rows->extras[rows->count] = extra;
    return RS_OK;
}

static rs_status add_extra(rsi_block *block, rsi_block_rows *rows, const rsi_edge_row *row,
                           uint32_t precision_s, uint64_t *key_hash, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_row_extra extra = {.key = RSI_NO_KEY, .precision_s = precision_s};
    if (row->key.length > 0) {
        rsi_block_type *keys = type_of(block, block->batch->relations[row->relation]->key_type);
        if (keys == NULL) {
            return no_memory(err);
        }
        *key_hash = rsi_hash64_inline(row->key.bytes, row->key.length);
        RS_TRY(add_key(keys, row->key, *key_hash, &extra.key, err));
    }
    if (block->keep_rows) {
        extra.file = row->file;
        extra.line = row->line;
    }
    RS_TRY(put_extra(rows, extra, err));
done:
    return status;
}

static inline void note_range(rsi_block_rows *rows, const rsi_edge_row *row)
{
    if (row->time != RS_NO_TIME) {
        rows->time_min = row->time < rows->time_min ? row->time : rows->time_min;
        rows->time_max = row->time > rows->time_max ? row->time : rows->time_max;
    }
    if (row->amount != RS_NO_AMOUNT) {
        uint64_t amount = rsi_zigzag(row->amount) + 1;
        rows->amount_max = amount > rows->amount_max ? amount : rows->amount_max;
    }
}

/* The hash of an edge's row, added. Apart from digest_row, because a length that is known saves a
 * third of the hash. */
static inline void digest_edge(rsi_block *block, uint64_t fields[EDGE_WORDS])
{
    for (size_t i = 0; i < EDGE_WORDS; i++) {
        rsi_store_u64le(&fields[i], fields[i]);
    }
    rsi_digest_add(&block->digest, rsi_hash_128_inline(fields, EDGE_WORDS * sizeof *fields));
}

rs_status rsi_block_edge(rsi_block *block, const rsi_edge_row *row, rs_error *err)
{
    return rsi_block_edges(block, row, 1, err);
}

rs_status rsi_block_edges(rsi_block *block, const rsi_edge_row *edges, size_t count, rs_error *err)
{
    rs_status status = RS_OK;
    for (const rsi_edge_row *row = edges; row < edges + count; row++) {
        rsi_block_rows *rows = NULL;
        rsi_block_row ends = {.time = row->time, .amount = row->amount};
        uint64_t key_hash = 0;
        uint32_t precision_s =
            row->time == RS_NO_TIME || row->precision_s == 0 ? 1 : row->precision_s;
        RS_TRY(check_id(row->src, err));
        RS_TRY(check_id(row->dst, err));
        RS_TRY(check_id(row->key, err));
        RS_TRY(rows_of(block, row->relation, &rows, err));
        uint64_t src_hash = rsi_hash64_inline(row->src.bytes, row->src.length);
        uint64_t dst_hash = rsi_hash64_inline(row->dst.bytes, row->dst.length);
        RS_TRY(add_key(rows->src_keys, row->src, src_hash, &ends.src, err));
        RS_TRY(add_key(rows->dst_keys, row->dst, dst_hash, &ends.dst, err));
        if (rows->has_extras || block->keep_rows || precision_s != 1 || row->key.length > 0) {
            RS_TRY(add_extra(block, rows, row, precision_s, &key_hash, err));
        }
        rows->rows[rows->count++] = ends;
        note_range(rows, row);
        digest_edge(block,
                    (uint64_t[EDGE_WORDS]){rows->hash, src_hash, dst_hash, (uint64_t)row->time,
                                           (uint64_t)row->amount, precision_s, key_hash});
    }
done:
    return status;
}

/* ---- values ------------------------------------------------------------------------------- */

rs_status rsi_block_value(rsi_block *block, const rsi_value_row *row, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t ref = 0;
    const rsi_batch_attribute_state *attribute = block->batch->attributes[row->attribute];
    uint64_t hash = rsi_hash64_inline(row->node.bytes, row->node.length);
    rsi_block_values *values = block->attributes[row->attribute];
    RS_TRY(check_id(row->node, err));
    if (row->value.length > RSI_VALUE_BYTES_MAX) {
        return rs_fail(err, RS_EINPUT, "a value of %zu bytes (at most %zu are stored)",
                       row->value.length, RSI_VALUE_BYTES_MAX);
    }
    if (values == NULL) {
        values = calloc(1, sizeof *values);
        if (values == NULL) {
            return no_memory(err);
        }
        block->attributes[row->attribute] = values;
        block->attribute_end =
            block->attribute_end > row->attribute ? block->attribute_end : row->attribute + 1;
    }
    if (values->count == values->capacity) {
        void *items = values->rows;
        RS_TRY(widen(&items, wider(values->capacity), sizeof *values->rows, err));
        values->rows = items;
        values->capacity = wider(values->capacity);
    }
    rsi_block_type *keys = type_of(block, attribute->type);
    if (keys == NULL) {
        return no_memory(err);
    }
    RS_TRY(add_key(keys, row->node, hash, &ref, err));
    values->rows[values->count++] =
        (rsi_block_value_row){.node = ref, .text = row->value, .time = row->time};
    values->text_bytes += row->value.length;
    digest_row(block,
               (uint64_t[]){attribute->hash, hash, (uint64_t)row->time,
                            rsi_hash64_inline(row->value.bytes, row->value.length)},
               4);
done:
    return status;
}
