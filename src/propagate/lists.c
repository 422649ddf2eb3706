/* lists.c - rows of a blacklist or whitelist, from files and elsewhere -> entries by node.
 *
 * Rows are checked and kept as they come; their ids are looked up when all are there (lookup.c).
 *
 * Cost: see lookup.c, and a sort of the entries.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ringscope/lists.h"

#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/listfields.h"
#include "base/try.h"
#include "propagate/lookup.h"

#define TYPE_BYTES_MAX 256

typedef struct columns {
    size_t type;
    size_t id;
    size_t reason;
    size_t strength; /* SIZE_MAX: the file has none */
    size_t since;    /* the same */
} columns;

struct rs_list_maker {
    const rs_graph *graph;
    rs_list list;
    size_t capacity;
    rsi_lookup lookup; /* of the entry with the same number */
};

typedef struct list_reader {
    rs_list_maker *maker;
    const char *path;
    columns columns;
} list_reader;

static rs_status bad(const list_reader *reader, uint64_t line, size_t field, rs_error *err,
                     const char *what, const char *problem)
{
    return rs_fail(err, RS_EINPUT, "%s:%llu:%zu: %s %s", reader->path, (unsigned long long)line,
                   field + 1, what, problem);
}

static rs_status find_columns(list_reader *reader, const rsi_csv *csv, rs_error *err)
{
    struct {
        const char *name;
        size_t *column;
        bool required;
    } wanted[] = {
        {"type", &reader->columns.type, true},     {"id", &reader->columns.id, true},
        {"reason", &reader->columns.reason, true}, {"strength", &reader->columns.strength, false},
        {"since", &reader->columns.since, false},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        *wanted[i].column = rsi_csv_column(csv, wanted[i].name);
        if (*wanted[i].column == SIZE_MAX && wanted[i].required) {
            return rs_fail(err, RS_EINPUT,
                           "%s:1:1: the header has no column \"%s\" "
                           "(expected type,id,reason[,strength][,since])",
                           reader->path, wanted[i].name);
        }
    }
    return RS_OK;
}

/* The cell of a column that the file may not have. */
static rs_text optional(const rs_text *fields, size_t column)
{
    return column == SIZE_MAX ? (rs_text){"", 0} : fields[column];
}

static rs_status read_values(const list_reader *reader, const rs_text *fields, uint64_t line,
                             rs_list_row *row, rs_error *err)
{
    const columns *at = &reader->columns;
    const char *problem = rsi_list_strength(optional(fields, at->strength), &row->strength);
    if (problem != NULL) {
        return bad(reader, line, at->strength, err, "strength", problem);
    }
    problem = rsi_list_since(optional(fields, at->since), RS_NO_TIME, &row->since);
    return problem == NULL ? RS_OK : bad(reader, line, at->since, err, "since", problem);
}

/* One line of text that fits, without half a character at its end. */
static void copy_reason(rs_text text, char reason[sizeof((rs_list_entry *)0)->reason])
{
    size_t room = sizeof((rs_list_entry *)0)->reason - 1;
    size_t length = text.length < room ? text.length : room;
    while (length > 0 && length < text.length &&
           ((unsigned char)text.bytes[length] & 0xC0) == 0x80) {
        length--;
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text.bytes[i];
        reason[i] = byte == '\0' || byte == '\n' || byte == '\r' ? ' ' : text.bytes[i];
    }
    reason[length] = '\0';
}

/* SIZE_MAX where the store has no such type. */
static size_t type_of(const rs_list_maker *maker, rs_text type)
{
    char name[TYPE_BYTES_MAX];
    if (type.length >= sizeof name || memchr(type.bytes, '\0', type.length) != NULL) {
        return SIZE_MAX; /* no type can have such a name */
    }
    memcpy(name, type.bytes, type.length);
    name[type.length] = '\0';
    return rs_store_type_named(rs_graph_store(maker->graph), name);
}

static rs_status append(rs_list_maker *maker, const rs_list_entry *entry, rs_error *err)
{
    rs_list *list = &maker->list;
    if (list->count == maker->capacity) {
        size_t capacity = maker->capacity == 0 ? 64 : 2 * maker->capacity;
        rs_list_entry *entries = realloc(list->entries, capacity * sizeof *entries);
        if (entries == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu entries)", capacity);
        }
        list->entries = entries;
        maker->capacity = capacity;
    }
    list->entries[list->count++] = *entry;
    return RS_OK;
}

rs_status rs_list_add(rs_list_maker *maker, const rs_list_row *row, rs_error *err)
{
    rs_status status = RS_OK;
    rs_list_entry entry = {.strength = row->strength, .since = row->since};
    int64_t as_of = rs_graph_as_of(maker->graph);
    size_t store_type = type_of(maker, row->type);
    copy_reason(row->reason, entry.reason);
    if (store_type == SIZE_MAX) {
        maker->list.missing_count++;
    } else if (entry.since != RS_NO_TIME && as_of != RS_NO_TIME && entry.since > as_of) {
        maker->list.future_count++;
    } else {
        RS_TRY(append(maker, &entry, err));
        RS_TRY(rsi_lookup_add(&maker->lookup, store_type, row->id, err));
    }
done:
    return status;
}

static rs_status read_row(const list_reader *reader, const rs_text *fields, uint64_t line,
                          rs_error *err)
{
    rs_status status = RS_OK;
    const columns *at = &reader->columns;
    rs_list_row row = {
        .type = fields[at->type], .id = fields[at->id], .reason = fields[at->reason]};
    if (row.type.length == 0) {
        status = bad(reader, line, at->type, err, "type", "is empty");
        goto done;
    }
    if (row.id.length == 0) {
        status = bad(reader, line, at->id, err, "id", "is empty");
        goto done;
    }
    RS_TRY(read_values(reader, fields, line, &row, err));
    RS_TRY(rs_context(err, rs_list_add(reader->maker, &row, err), "%s", reader->path));
done:
    return status;
}

static int compare_entries(const void *left, const void *right)
{
    const rs_list_entry *a = left, *b = right;
    if (a->node != b->node) {
        return a->node < b->node ? -1 : 1;
    }
    if (a->strength != b->strength) {
        return a->strength > b->strength ? -1 : 1;
    }
    if (a->since != b->since) {
        /* RS_NO_TIME is the smallest number and comes last. */
        uint64_t a_since = (uint64_t)a->since - 1 - (uint64_t)RS_NO_TIME;
        uint64_t b_since = (uint64_t)b->since - 1 - (uint64_t)RS_NO_TIME;
        return a_since < b_since ? -1 : 1;
    }
    return strcmp(a->reason, b->reason);
}

/* Fill in the nodes and drop what the store does not have. */
static rs_status find_nodes(rs_list_maker *maker, rs_error *err)
{
    rs_status status = RS_OK;
    rs_list *list = &maker->list;
    size_t kept = 0;
    uint32_t *nodes = malloc((list->count + 1) * sizeof *nodes);
    if (nodes == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu entries)", list->count);
        goto done;
    }
    RS_TRY(rsi_lookup_run(&maker->lookup, maker->graph, nodes, err));
    for (size_t i = 0; i < list->count; i++) {
        if (nodes[i] != RS_NO_NODE) {
            list->entries[kept] = list->entries[i];
            list->entries[kept++].node = nodes[i];
        }
    }
    list->missing_count += list->count - kept;
    list->count = kept;
done:
    free(nodes);
    return status;
}

/* Order by node and keep the first of each. */
static void settle(rs_list *list)
{
    size_t kept = 0;
    if (list->count == 0) {
        return;
    }
    qsort(list->entries, list->count, sizeof *list->entries, compare_entries);
    for (size_t i = 1; i < list->count; i++) {
        if (list->entries[i].node != list->entries[kept].node) {
            list->entries[++kept] = list->entries[i];
        }
    }
    list->repeated_count = list->count - (kept + 1);
    list->count = kept + 1;
}

rs_status rs_list_new(rs_list_maker **out, const rs_graph *graph, rs_error *err)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (list)");
    }
    (*out)->graph = graph;
    return RS_OK;
}

void rs_list_maker_free(rs_list_maker *maker)
{
    if (maker != NULL) {
        rs_list_free(&maker->list);
        rsi_lookup_free(&maker->lookup);
        free(maker);
    }
}

rs_status rs_list_add_file(rs_list_maker *maker, const char *path, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_csv *csv = NULL;
    list_reader reader = {.maker = maker, .path = path};
    const rs_text *fields = NULL;
    uint64_t line = 0;
    RS_TRY(rsi_csv_open(&csv, path, err));
    RS_TRY(find_columns(&reader, csv, err));
    for (;;) {
        RS_TRY(rsi_csv_next(csv, &fields, &line, err));
        if (fields == NULL) {
            break;
        }
        RS_TRY(read_row(&reader, fields, line, err));
    }
done:
    rsi_csv_close(csv);
    return status;
}

rs_status rs_list_end(rs_list_maker *maker, rs_list *out, rs_error *err)
{
    rs_status status = RS_OK;
    *out = (rs_list){0};
    RS_TRY(find_nodes(maker, err));
    settle(&maker->list);
    *out = maker->list;
    maker->list = (rs_list){0}; /* moved to the caller */
done:
    return status;
}

rs_status rs_list_read(const rs_graph *graph, const char *path, rs_list *out, rs_error *err)
{
    rs_status status = RS_OK;
    rs_list_maker *maker = NULL;
    *out = (rs_list){0};
    RS_TRY(rs_list_new(&maker, graph, err));
    RS_TRY(rs_list_add_file(maker, path, err));
    RS_TRY(rs_list_end(maker, out, err));
done:
    rs_list_maker_free(maker);
    return status;
}

void rs_list_free(rs_list *list)
{
    if (list != NULL) {
        free(list->entries);
        *list = (rs_list){0};
    }
}
