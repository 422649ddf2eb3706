/* read_truth.c - truth, blacklist and risks: CSV files into a case.
 *
 * An account that the truth or the risks name twice is an error: which line counts would be a
 * guess.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/try.h"
#include "lab/case.h"

/* Columns of one file by name; SIZE_MAX where there is none. */
static rs_status need_column(const rsi_csv *csv, const char *path, const char *name, size_t *column,
                             rs_error *err)
{
    *column = rsi_csv_column(csv, name);
    if (*column == SIZE_MAX) {
        return rs_fail(err, RS_EINPUT, "\"%s\":1: no column \"%s\"", path, name);
    }
    return RS_OK;
}

static bool is_text(rs_text text, const char *word)
{
    return text.length == strlen(word) && memcmp(text.bytes, word, text.length) == 0;
}

/* For a message: as much of an id as a line holds. */
static int shown(rs_text id)
{
    return id.length < 100 ? (int)id.length : 100;
}

static rs_status word(rsi_ids *ids, const rs_text *fields, size_t column, uint32_t *number,
                      rs_error *err)
{
    bool is_new = false;
    *number = RSI_NO_ID;
    if (column == SIZE_MAX || fields[column].length == 0) {
        return RS_OK;
    }
    return rsi_ids_add(ids, fields[column], number, &is_new, err);
}

/* What a file is read by: its columns are found once, then each line is taken. */
typedef struct line_reader {
    rsi_case *c;
    const char *path;
    rs_status (*find_columns)(const rsi_csv *csv, const char *path, void *columns, rs_error *err);
    rs_status (*take)(rsi_case *c, const void *columns, const rs_text *fields, rs_error *err);
    void *columns;
} line_reader;

/* An error of a line names the file and the line. */
static rs_status read_lines(const line_reader *reader, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_csv *csv = NULL;
    const rs_text *fields = NULL;
    uint64_t line = 0;
    RS_TRY(rsi_csv_open(&csv, reader->path, err));
    RS_TRY(reader->find_columns(csv, reader->path, reader->columns, err));
    for (;;) {
        RS_TRY(rsi_csv_next(csv, &fields, &line, err));
        if (fields == NULL) {
            break;
        }
        status = reader->take(reader->c, reader->columns, fields, err);
        if (status != RS_OK) {
            status = rs_context(err, status, "\"%s\":%" PRIu64, reader->path, line);
            goto done;
        }
    }
done:
    rsi_csv_close(csv);
    return status;
}

/* ---- truth -------------------------------------------------------------------------------- */

struct truth_columns {
    size_t account, ring, kind, hiding, lookalike;
};

static rs_status add_to_ring(rsi_case *c, const struct truth_columns *at, const rs_text *fields,
                             uint32_t ring, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t kind = RSI_NO_ID, hiding = RSI_NO_ID;
    RS_TRY(word(&c->words, fields, at->kind, &kind, err));
    RS_TRY(word(&c->words, fields, at->hiding, &hiding, err));
    rsi_ring *r = &c->rings[ring];
    if (r->size == 0) {
        r->kind = kind;
        r->hiding = hiding;
    } else if (r->kind != kind || r->hiding != hiding) {
        return rs_fail(err, RS_EINPUT, "ring \"%.*s\" has another kind or hiding before",
                       shown(fields[at->ring]), fields[at->ring].bytes);
    }
    r->size++;
done:
    return status;
}

static rs_status find_truth_columns(const rsi_csv *csv, const char *path, void *columns,
                                    rs_error *err)
{
    rs_status status = RS_OK;
    struct truth_columns *at = columns;
    RS_TRY(need_column(csv, path, "account", &at->account, err));
    RS_TRY(need_column(csv, path, "ring", &at->ring, err));
    at->kind = rsi_csv_column(csv, "kind");
    at->hiding = rsi_csv_column(csv, "hiding");
    at->lookalike = rsi_csv_column(csv, "lookalike");
done:
    return status;
}

static rs_status take_truth_line(rsi_case *c, const void *columns, const rs_text *fields,
                                 rs_error *err)
{
    const struct truth_columns *at = columns;
    rs_status status = RS_OK;
    uint32_t number = 0, ring = RSI_NO_ID, lookalike = RSI_NO_ID;
    rs_text id = fields[at->account];
    if (id.length == 0) {
        return rs_fail(err, RS_EINPUT, "no account");
    }
    RS_TRY(rsi_case_account(c, id, &number, err));
    if (c->accounts[number].in_truth) {
        return rs_fail(err, RS_EINPUT, "account \"%.*s\" has a line before", shown(id), id.bytes);
    }
    RS_TRY(word(&c->ring_ids, fields, at->ring, &ring, err));
    RS_TRY(word(&c->lookalike_ids, fields, at->lookalike, &lookalike, err));
    if (ring != RSI_NO_ID) {
        void *rings = c->rings;
        size_t before = c->ring_capacity;
        RS_TRY(rsi_grow(&rings, &c->ring_capacity, ring, sizeof *c->rings, err));
        c->rings = rings;
        if (c->ring_capacity != before) {
            memset(c->rings + before, 0, (c->ring_capacity - before) * sizeof *c->rings);
        }
        RS_TRY(add_to_ring(c, at, fields, ring, err));
    }
    c->accounts[number].in_truth = true;
    c->accounts[number].ring = ring;
    c->accounts[number].lookalike = lookalike;
    c->truth_line_count++;
done:
    return status;
}

/* Rings are numbered in the order of their ids: the lines' order must not show in a resample. */
static rs_status renumber_rings(rsi_case *c, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t *order = NULL;
    size_t count = c->ring_ids.count;
    uint32_t *rank = malloc((count + 1) * sizeof *rank);
    rsi_ring *rings = malloc((count + 1) * sizeof *rings);
    if (rank == NULL || rings == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu rings)", count);
        goto done;
    }
    RS_TRY(rsi_ids_sorted(&c->ring_ids, &order, err));
    for (uint32_t i = 0; i < count; i++) {
        rank[order[i]] = i;
        rings[i] = c->rings[order[i]];
    }
    for (uint32_t i = 0; i < c->account_ids.count; i++) {
        uint32_t *ring = &c->accounts[i].ring;
        *ring = *ring == RSI_NO_ID ? RSI_NO_ID : rank[*ring];
    }
    free(c->rings);
    c->rings = rings;
    c->ring_capacity = count + 1;
    rings = NULL; /* moved */
done:
    free(order);
    free(rank);
    free(rings);
    return status;
}

rs_status rsi_read_truth(rsi_case *c, const char *path, rs_error *err)
{
    struct truth_columns at = {0};
    const line_reader reader = {.c = c,
                                .path = path,
                                .find_columns = find_truth_columns,
                                .take = take_truth_line,
                                .columns = &at};
    rs_status status = read_lines(&reader, err);
    return status == RS_OK ? renumber_rings(c, err) : status;
}

/* ---- blacklist ---------------------------------------------------------------------------- */

struct list_columns {
    size_t type, id;
};

static rs_status find_list_columns(const rsi_csv *csv, const char *path, void *columns,
                                   rs_error *err)
{
    rs_status status = RS_OK;
    struct list_columns *at = columns;
    RS_TRY(need_column(csv, path, "type", &at->type, err));
    RS_TRY(need_column(csv, path, "id", &at->id, err));
done:
    return status;
}

static rs_status take_list_line(rsi_case *c, const void *columns, const rs_text *fields,
                                rs_error *err)
{
    const struct list_columns *at = columns;
    (void)err;
    if (is_text(fields[at->type], c->options->subject)) {
        /* One that no other file names is no account of this case. */
        uint32_t number = rsi_ids_find(&c->account_ids, fields[at->id]);
        if (number != RSI_NO_ID) {
            c->accounts[number].known = true;
        }
    }
    return RS_OK;
}

rs_status rsi_read_known(rsi_case *c, const char *path, rs_error *err)
{
    struct list_columns at = {0};
    const line_reader reader = {.c = c,
                                .path = path,
                                .find_columns = find_list_columns,
                                .take = take_list_line,
                                .columns = &at};
    return read_lines(&reader, err);
}

/* ---- risks -------------------------------------------------------------------------------- */

struct risk_columns {
    size_t type, id, risk;
};

static rs_status find_risk_columns(const rsi_csv *csv, const char *path, void *columns,
                                   rs_error *err)
{
    rs_status status = RS_OK;
    struct risk_columns *at = columns;
    RS_TRY(need_column(csv, path, "type", &at->type, err));
    RS_TRY(need_column(csv, path, "id", &at->id, err));
    RS_TRY(need_column(csv, path, "risk", &at->risk, err));
done:
    return status;
}

static rs_status take_risk_line(rsi_case *c, const void *columns, const rs_text *fields,
                                rs_error *err)
{
    const struct risk_columns *at = columns;
    rs_status status = RS_OK;
    uint32_t number = 0;
    rs_text id = fields[at->id];
    double risk = 0;
    if (!is_text(fields[at->type], c->options->subject)) {
        return RS_OK;
    }
    if (!rsi_read_share(fields[at->risk], &risk)) {
        return rs_fail(err, RS_EINPUT, "risk \"%.*s\" is not a number from 0 to 1",
                       shown(fields[at->risk]), fields[at->risk].bytes);
    }
    RS_TRY(rsi_case_account(c, id, &number, err));
    rsi_account *account = &c->accounts[number];
    if (account->ranked) {
        return rs_fail(err, RS_EINPUT, "account \"%.*s\" has a line before", shown(id), id.bytes);
    }
    account->ranked = true;
    account->risk = risk;
    c->risk_line_count++;
done:
    return status;
}

rs_status rsi_read_risks(rsi_case *c, const char *path, rs_error *err)
{
    struct risk_columns at = {0};
    const line_reader reader = {.c = c,
                                .path = path,
                                .find_columns = find_risk_columns,
                                .take = take_risk_line,
                                .columns = &at};
    rs_status status = read_lines(&reader, err);
    if (status == RS_OK && c->risk_line_count == 0) {
        status =
            rs_fail(err, RS_EINPUT, "\"%s\": no line of type \"%s\"", path, c->options->subject);
    }
    return status;
}
