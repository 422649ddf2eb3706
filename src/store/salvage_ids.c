/* salvage_ids.c - every id that can still be read, by its number.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/try.h"
#include "store/salvage.h"

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (ids of a store)");
}

/* A place for the bytes of one more block. */
static rs_status add_part(rsi_saved_ids *ids, size_t bytes, char **part, rs_error *err)
{
    size_t used = ids->part_count;
    if ((used & (used - 1)) == 0) {
        char **parts = realloc(ids->parts, (2 * used + 1) * sizeof *parts);
        if (parts == NULL) {
            return no_memory(err);
        }
        ids->parts = parts;
    }
    *part = malloc(bytes + 1);
    if (*part == NULL) {
        return no_memory(err);
    }
    ids->parts[ids->part_count++] = *part;
    return RS_OK;
}

static rs_status keep_block(rsi_saved_ids *ids, const rsi_dict_block *block, rs_error *err)
{
    size_t bytes = 0;
    char *part = NULL;
    for (size_t i = 0; i < block->count; i++) {
        bytes += block->ids[i].length;
    }
    rs_status status = add_part(ids, bytes, &part, err);
    if (status != RS_OK) {
        return status;
    }
    for (size_t i = 0; i < block->count; i++) {
        uint32_t node = rsi_dict_number(block, i);
        rs_text id = block->ids[i];
        if (id.length > 0) {
            memcpy(part, id.bytes, id.length);
        }
        if (node < ids->count) {
            ids->ids[node] = (rs_text){.bytes = part, .length = id.length};
        }
        part += id.length;
    }
    return RS_OK;
}

static rs_status read_part(rsi_saved_ids *ids, const rsi_dict_part *part, rsi_dict_block *block,
                           rs_error *err)
{
    rs_status status = RS_OK;
    rs_error found = {.status = RS_OK};
    for (size_t b = 0; b < part->id_blocks && status == RS_OK; b++) {
        rs_status read = rsi_dict_load(block, part, b, &found);
        if (read == RS_OK) {
            status = keep_block(ids, block, err);
        } else if (!rsi_is_lost(read)) {
            status = rs_fail(err, read, "%s", found.message);
        }
    }
    return status;
}

rs_status rsi_saved_ids_read(rsi_saved_ids *out, const rsi_partial *partial, size_t type,
                             uint64_t *lost, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_store *store = partial->store;
    rsi_saved_ids ids = {.count = store->manifest.types[type].node_count};
    rsi_dict_block *block = NULL;
    ids.ids = calloc((size_t)ids.count + 1, sizeof *ids.ids);
    if (ids.ids == NULL) {
        return no_memory(err);
    }
    RS_TRY(rsi_dict_block_new(&block, err));
    size_t i = rsi_store_next_file(store, RSI_FILE_DICTIONARY, type, 0);
    for (; i < store->opened; i = rsi_store_next_file(store, RSI_FILE_DICTIONARY, type, i + 1)) {
        if (!partial->broken[i]) {
            RS_TRY(read_part(&ids, &store->parts[i], block, err));
        }
    }
    for (uint32_t node = 0; node < ids.count; node++) {
        *lost += ids.ids[node].bytes == NULL;
    }
    *out = ids;
    ids = (rsi_saved_ids){0}; /* moved to the caller */
done:
    rsi_dict_block_free(block);
    rsi_saved_ids_free(&ids);
    return status;
}

void rsi_saved_ids_free(rsi_saved_ids *ids)
{
    for (size_t i = 0; i < ids->part_count; i++) {
        free(ids->parts[i]);
    }
    free(ids->parts);
    free(ids->ids);
    *ids = (rsi_saved_ids){0};
}
