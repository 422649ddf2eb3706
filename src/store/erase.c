/* erase.c - a store without some of its nodes, otherwise as it was.
 *
 * A compaction that merges as little as it can and numbers nodes as the store did: by the bytes of
 * their ids, or anew where an earlier one had renumbered them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ringscope/erase.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/try.h"
#include "store/store_internal.h"

enum { KEEP_MAX = 1000 }; /* batches that a compaction can leave apart */

static rs_status count_found(const rs_store *store, const rs_node_name *nodes, size_t count,
                             uint64_t *found, rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t i = 0; i < count; i++) {
        uint32_t node = RS_NO_NODE;
        size_t type = rs_store_type_named(store, nodes[i].type);
        if (type != SIZE_MAX) {
            RS_TRY(rs_store_find(store, type, nodes[i].id, &node, err));
        }
        *found += node != RS_NO_NODE;
    }
done:
    return status;
}

/* How the store was compacted last. */
static rs_compact_options same_shape(const rs_store *store)
{
    const rsi_manifest *manifest = &store->manifest;
    rs_compact_options options = {.keep = manifest->batch_count};
    options.keep = options.keep > KEEP_MAX ? KEEP_MAX : options.keep;
    for (size_t i = 0; i < store->opened; i++) {
        rsi_file_kind kind = manifest->files[i].ref.kind;
        options.reverse |= kind == RSI_FILE_REVERSE;
        options.renumber |= kind == RSI_FILE_DICTIONARY && store->parts[i].permuted;
    }
    return options;
}

static bool is_named(const rsi_manifest *manifest, const char *name)
{
    for (size_t i = 0; i < manifest->file_count; i++) {
        if (strcmp(manifest->files[i].ref.name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Data files that the manifest does not name any more, and that are there all the same. */
static rs_status count_leftovers(const char *path, uint64_t *count, rs_error *err)
{
    rs_status status = RS_OK;
    rs_store *store = NULL;
    DIR *listing = NULL;
    RS_TRY(rs_store_open(&store, path, err));
    listing = opendir(path);
    for (struct dirent *entry = listing != NULL ? readdir(listing) : NULL; entry != NULL;
         entry = readdir(listing)) {
        *count += entry->d_name[0] == 'b' && strchr(entry->d_name, '-') != NULL &&
                  !is_named(&store->manifest, entry->d_name);
    }
done:
    if (listing != NULL) {
        closedir(listing);
    }
    rs_store_close(store);
    return status;
}

rs_status rs_erase(const char *store_path, const rs_node_name *nodes, size_t count,
                   const rs_work *work, rs_erase_result *result, rs_error *err)
{
    rs_status status = RS_OK;
    rs_store *store = NULL;
    *result = (rs_erase_result){0};
    RS_TRY(rs_store_open(&store, store_path, err));
    RS_TRY(count_found(store, nodes, count, &result->found_count, err));
    rs_compact_options options = same_shape(store);
    rs_store_close(store); /* or its own lock could keep the old files */
    store = NULL;
    if (result->found_count > 0) {
        options.erased = nodes;
        options.erased_count = count;
        RS_TRY(rs_compact(store_path, &options, work, &result->compact, err));
        RS_TRY(count_leftovers(store_path, &result->leftover_count, err));
    }
done:
    rs_store_close(store);
    return status;
}
