/* mapping_tree.h - reading a tree of JSON with the place of whatever is wrong in it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_INGEST_MAPPING_TREE_H
#define RSI_INGEST_MAPPING_TREE_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "ingest/mapping.h"

/* Where the reader is, for messages: "sources[0].relations[2]". */
typedef struct rsi_map_place {
    const struct rsi_map_place *outer;
    const char *key;
    size_t index; /* SIZE_MAX: none */
} rsi_map_place;

/* What the functions that read hand on. */
typedef struct rsi_map_reader {
    const char *name;
    rs_error *err;
    rsi_source *source;
    rsi_time_unit unit; /* inherited from further out */
} rsi_map_reader;

/* RS_EUSAGE: `mapping "name": place: what`. `at` NULL: the top. */
RS_PRINTF(3, 4)
rs_status rsi_map_wrong(const rsi_map_reader *in, const rsi_map_place *at, const char *format, ...);
rs_status rsi_map_no_memory(const rsi_map_reader *in);

/* An object with no other keys than `known`: each followed by a blank but the last. */
RS_MUST_USE rs_status rsi_map_check(const rsi_map_reader *in, const rsi_map_place *at,
                                    const cJSON *object, const char *known);
const cJSON *rsi_map_get(const cJSON *object, const char *key);
/* A text that is not empty; *out stays as it is where the key is not there. */
RS_MUST_USE rs_status rsi_map_text(const rsi_map_reader *in, const rsi_map_place *at,
                                   const cJSON *object, const char *key, const char **out);
/* One of `words`; its number into *out, which stays as it is where the key is not there. */
RS_MUST_USE rs_status rsi_map_word(const rsi_map_reader *in, const rsi_map_place *at,
                                   const cJSON *object, const char *key, const char *const *words,
                                   size_t count, int *out);
/* A list that is not empty; *count is 0 where the key is not there. */
RS_MUST_USE rs_status rsi_map_array(const rsi_map_reader *in, const rsi_map_place *at,
                                    const cJSON *object, const char *key, size_t *count);

#endif
