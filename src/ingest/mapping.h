/* mapping.h - what a mapping file says, checked and with its columns numbered (docs/MAPPING.md).
 *
 * A source's columns are its slots: every column that any of its rules names, once, in order of
 * first mention. Rules hold slot numbers, so that a row is an array of cells whatever the file's
 * format.
 *
 * Memory   the strings belong to the mapping and live as long as it does
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_INGEST_MAPPING_H
#define RSI_INGEST_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/timestamp.h"
#include "ringscope/error.h"
#include "ringscope/store.h"

#define RSI_NO_SLOT SIZE_MAX

/* One side of a relation, or a node: an id's column and its type, said (`type`) or in a column. */
typedef struct rsi_end {
    const char *type; /* NULL: from a column, or by relation */
    size_t type_slot; /* RSI_NO_SLOT: said, or by relation */
    size_t slot;      /* of the id */
} rsi_end;

/* What a relation named by a column is. */
typedef struct rsi_named {
    const char *name;
    rs_kind kind;
    bool place;
    const char *src_type; /* NULL: the ends' own */
    const char *dst_type;
} rsi_named;

typedef struct rsi_relation_rule {
    const char *name; /* NULL: from a column */
    size_t name_slot;
    rs_kind kind; /* with `name` */
    bool place;
    rsi_named *named; /* with `name_slot` */
    size_t named_count;
    rsi_end src;
    rsi_end dst;
    size_t time_slot;
    rsi_time_unit unit;
    size_t amount_slot;
    uint8_t decimals;
    const char *currency; /* "": none said */
    size_t currency_slot;
    size_t key_slot;
} rsi_relation_rule;

typedef struct rsi_node_rule {
    rsi_end node;
    size_t *attribute_slots;
    size_t attribute_count;
    size_t time_slot;
    rsi_time_unit unit;
} rsi_node_rule;

typedef enum rsi_format { RSI_FORMAT_BY_NAME, RSI_FORMAT_CSV, RSI_FORMAT_JSONL } rsi_format;

typedef struct rsi_source {
    const char *match; /* NULL: a query */
    const char *query; /* NULL: files */
    char name[64];     /* of a query, for messages: "name", or its place in the mapping */
    rsi_format format;
    char delimiter; /* 0: by name */
    const char **columns;
    size_t column_count;
    rsi_relation_rule *relations;
    size_t relation_count;
    rsi_node_rule *nodes;
    size_t node_count;
} rsi_source;

typedef struct rsi_mapping rsi_mapping;

/* Read and check the mapping at `path`. RS_EUSAGE with the place (line and column where it is not
 * JSON, else the keys that lead there), RS_EIO, RS_ENOMEM. */
RS_MUST_USE rs_status rsi_mapping_load(rsi_mapping **out, const char *path, rs_error *err);
/* The same from memory; `name` stands in messages. */
RS_MUST_USE rs_status rsi_mapping_parse(rsi_mapping **out, const char *name, const char *bytes,
                                        size_t length, rs_error *err);
void rsi_mapping_free(rsi_mapping *mapping);

size_t rsi_mapping_source_count(const rsi_mapping *mapping);
const rsi_source *rsi_mapping_source(const rsi_mapping *mapping, size_t source);
/* The first source of files whose pattern matches the path as given or its last part, or SIZE_MAX.
 */
size_t rsi_mapping_match(const rsi_mapping *mapping, const char *path);
/* Whether nodes of this type can be members of a ring. */
bool rsi_mapping_subject(const rsi_mapping *mapping, const char *type, size_t length);

#endif
