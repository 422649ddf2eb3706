/* profile.c - look at files through a mapping without a store: the dry run of ingest.
 *
 * One pass, one thread: each piece is read twice, once through the mapping's rules as ingest does
 * it, once column by column. What is counted is bounded (hubs.h, columns.h), whatever the size of
 * the files.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "ingest/profile.h"

enum { PIECE_BYTES = 1 << 20, NAMES_MAX = 4096 };

/* ---- names -> numbers -------------------------------------------------------------------------
 */

static bool same(rs_text a, const char *b)
{
    return strlen(b) == a.length && memcmp(a.bytes, b, a.length) == 0;
}

static char *copy_text(rs_text text)
{
    char *copy = malloc(text.length + 1);
    if (copy != NULL) {
        if (text.length > 0) {
            memcpy(copy, text.bytes, text.length);
        }
        copy[text.length] = '\0';
    }
    return copy;
}

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (profile)");
}

/* Room for one more of `size` bytes, set to zero. */
static rs_status add_item(void **items, size_t *count, size_t size, const char *what, rs_error *err)
{
    if (*count == NAMES_MAX) {
        return rs_fail(err, RS_EUSAGE, "more than %d %s", NAMES_MAX, what);
    }
    void *grown = realloc(*items, (*count + 1) * size);
    if (grown == NULL) {
        return no_memory(err);
    }
    memset((char *)grown + *count * size, 0, size);
    *items = grown;
    (*count)++;
    return RS_OK;
}

static rs_status profile_type(void *context, rs_text name, uint32_t *type, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_profile *profile = context;
    for (size_t i = 0; i < profile->type_count; i++) {
        if (same(name, profile->types[i].name)) {
            *type = (uint32_t)i;
            return RS_OK;
        }
    }
    void *items = profile->types;
    RS_TRY(add_item(&items, &profile->type_count, sizeof *profile->types, "node types", err));
    profile->types = items;
    *type = (uint32_t)(profile->type_count - 1);
    profile->types[*type].name = copy_text(name);
    if (profile->types[*type].name == NULL) {
        profile->type_count--;
        return no_memory(err);
    }
    RS_TRY(rsi_hubs_new(&profile->types[*type].hubs, err));
done:
    return status;
}

static rs_status profile_relation(void *context, const rsi_relation_spec *spec, uint32_t *relation,
                                  rs_error *err)
{
    rs_status status = RS_OK;
    rsi_profile *profile = context;
    for (size_t i = 0; i < profile->relation_count; i++) {
        const rsi_profile_relation *known = &profile->relations[i];
        if (same(spec->name, known->name) && same(spec->currency, known->currency) &&
            known->src_type == spec->src_type && known->dst_type == spec->dst_type &&
            known->decimals == spec->decimals && known->kind == spec->kind) {
            *relation = (uint32_t)i;
            return RS_OK;
        }
    }
    void *items = profile->relations;
    RS_TRY(
        add_item(&items, &profile->relation_count, sizeof *profile->relations, "relations", err));
    profile->relations = items;
    *relation = (uint32_t)(profile->relation_count - 1);
    profile->relations[*relation] = (rsi_profile_relation){.name = copy_text(spec->name),
                                                           .currency = copy_text(spec->currency),
                                                           .kind = spec->kind,
                                                           .place = spec->place,
                                                           .src_type = spec->src_type,
                                                           .dst_type = spec->dst_type,
                                                           .decimals = spec->decimals,
                                                           .time_min = INT64_MAX,
                                                           .time_max = INT64_MIN,
                                                           .amount_min = INT64_MAX,
                                                           .amount_max = INT64_MIN};
    if (profile->relations[*relation].name == NULL ||
        profile->relations[*relation].currency == NULL) {
        status = no_memory(err);
    }
done:
    return status;
}

static rs_status profile_attribute(void *context, uint32_t type, rs_text name, uint32_t *attribute,
                                   rs_error *err)
{
    (void)context;
    (void)type;
    (void)name;
    (void)err;
    *attribute = 0; /* columns tell what attributes hold */
    return RS_OK;
}

/* ---- rows -------------------------------------------------------------------------------------
 */

/* Digits after the point that the amount needs. */
static unsigned digits_of(int64_t amount, unsigned decimals)
{
    for (; decimals > 0 && amount % 10 == 0; decimals--) {
        amount /= 10;
    }
    return decimals;
}

static void count_edge(rsi_profile_relation *relation, const rsi_edge_row *edge)
{
    relation->edge_count++;
    if (edge->time != RS_NO_TIME) {
        relation->timed_count++;
        relation->time_min = edge->time < relation->time_min ? edge->time : relation->time_min;
        relation->time_max = edge->time > relation->time_max ? edge->time : relation->time_max;
    }
    if (edge->amount != RS_NO_AMOUNT) {
        unsigned digits = digits_of(edge->amount, relation->decimals);
        relation->amount_count++;
        relation->amount_min =
            edge->amount < relation->amount_min ? edge->amount : relation->amount_min;
        relation->amount_max =
            edge->amount > relation->amount_max ? edge->amount : relation->amount_max;
        relation->digits = digits > relation->digits ? digits : relation->digits;
    }
}

static rs_status take_row(void *context, const rsi_row *row, uint64_t line, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_profile *profile = context;
    (void)line;
    for (size_t i = 0; i < row->edge_count; i++) {
        const rsi_edge_row *edge = &row->edges[i];
        count_edge(&profile->relations[edge->relation], edge);
        RS_TRY(rsi_hubs_add(profile->types[row->edge_types[i][0]].hubs, edge->src, 1, err));
        RS_TRY(rsi_hubs_add(profile->types[row->edge_types[i][1]].hubs, edge->dst, 1, err));
    }
    for (size_t i = 0; i < row->node_count; i++) {
        RS_TRY(rsi_hubs_add(profile->types[row->nodes[i].type].hubs, row->nodes[i].id, 0, err));
    }
done:
    return status;
}

static rs_status note_bad(rsi_profile *profile, const rsi_chunk *chunk, rs_error *err)
{
    const rsi_input *input = chunk->input.file->input;
    for (size_t i = 0; i < chunk->bad_count && profile->shown_count < RSI_PROFILE_BAD_SHOWN; i++) {
        const rsi_bad_row *bad = &chunk->bad[i];
        const char *reason = rsi_chunk_reason(chunk, bad);
        rsi_profile_bad *shown = &profile->shown[profile->shown_count];
        shown->file = input;
        shown->line = chunk->input.line + bad->line + 1;
        shown->column = bad->column;
        shown->reason = strdup(reason);
        if (shown->reason == NULL) {
            return no_memory(err);
        }
        profile->shown_count++;
    }
    return RS_OK;
}

static rs_status look_at_piece(rsi_profile *profile, rsi_chunk *chunk, rsi_rower **rowers,
                               int64_t time_max, rs_error *err)
{
    rs_status status = RS_OK;
    size_t source = chunk->input.file->input->source;
    rsi_row_sink sink = {profile, take_row, NULL};
    if (rowers[source] == NULL) {
        RS_TRY(rsi_rower_new(&rowers[source], rsi_mapping_source(profile->mapping, source),
                             &profile->registry, time_max, err));
    }
    RS_TRY(rsi_chunk_parse(chunk, rowers[source], &sink, false, err));
    RS_TRY(rsi_columns_look(&profile->columns[source], &chunk->input, err));
    RS_TRY(note_bad(profile, chunk, err));
    profile->files[chunk->input.file_index].row_count += chunk->row_count;
    profile->files[chunk->input.file_index].bad_count += chunk->bad_count;
done:
    return status;
}

static rs_status look_at_all(rsi_profile *profile, rsi_feed *feed, rsi_chunk *chunk,
                             rsi_rower **rowers, const rs_ingest_options *options,
                             const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    for (;;) {
        RS_TRY(rs_work_report(work, "profile", rsi_feed_unit(&profile->inputs), rsi_feed_done(feed),
                              profile->inputs.size, err));
        RS_TRY(rsi_feed_next(feed, &chunk->input, err));
        if (chunk->input.piece.length == 0) {
            break;
        }
        RS_TRY(look_at_piece(profile, chunk, rowers, options->time_max, err));
    }
done:
    return status;
}

/* What rsi_stream_ask needs while a pipe keeps a read waiting. */
typedef struct asking {
    const rs_work *work;
    const rsi_profile *profile;
} asking;

static rs_status ask(void *context, rs_error *err)
{
    const asking *in = context;
    const rsi_inputs *inputs = &in->profile->inputs;
    return rs_work_report(in->work, "profile", rsi_feed_unit(inputs), 0, inputs->size, err);
}

/* ---- life -------------------------------------------------------------------------------------
 */

static void clear(rsi_profile *profile)
{
    for (size_t i = 0; i < profile->type_count; i++) {
        free(profile->types[i].name);
        rsi_hubs_free(profile->types[i].hubs);
    }
    for (size_t i = 0; i < profile->relation_count; i++) {
        free(profile->relations[i].name);
        free(profile->relations[i].currency);
    }
    for (size_t i = 0; profile->columns != NULL && i < profile->source_count; i++) {
        rsi_columns_clear(&profile->columns[i]);
    }
    for (size_t i = 0; i < profile->shown_count; i++) {
        free(profile->shown[i].reason);
    }
    free(profile->types);
    free(profile->relations);
    free(profile->columns);
    free(profile->files);
    rsi_inputs_free(&profile->inputs);
    rsi_mapping_free(profile->mapping);
}

static rs_status prepare(rsi_profile *profile, const rs_ingest_options *options, rs_error *err)
{
    rs_status status = RS_OK;
    profile->registry = (rsi_registry){profile, profile_type, profile_relation, profile_attribute};
    RS_TRY(rsi_mapping_load(&profile->mapping, options->mapping, err));
    RS_TRY(rsi_inputs_find(&profile->inputs, profile->mapping, options->files, options->file_count,
                           err));
    profile->source_count = rsi_mapping_source_count(profile->mapping);
    profile->columns = calloc(profile->source_count, sizeof *profile->columns);
    profile->files = calloc(profile->inputs.count, sizeof *profile->files);
    if (profile->columns == NULL || profile->files == NULL) {
        status = no_memory(err);
    }
done:
    return status;
}

rs_status rs_ingest_profile(const rs_ingest_options *options, const rs_work *work, char **json,
                            rs_error *err)
{
    rs_status status = RS_OK;
    rsi_profile profile = {0};
    rsi_feed *feed = NULL;
    rsi_rower **rowers = NULL;
    rsi_chunk chunk = {0};
    asking context = {work, &profile};
    rsi_feed_options reading = {.check = ask,
                                .check_context = &context,
                                .piece_bytes = PIECE_BYTES,
                                .count_lines = true,
                                .keep_header = true};
    RS_TRY(prepare(&profile, options, err));
    rowers = calloc(profile.source_count, sizeof *rowers);
    if (rowers == NULL) {
        status = no_memory(err);
        goto done;
    }
    RS_TRY(rsi_feed_new(&feed, &profile.inputs, profile.mapping, &reading, err));
    RS_TRY(look_at_all(&profile, feed, &chunk, rowers, options, work, err));
    RS_TRY(rsi_profile_print(&profile, json, err));
done:
    for (size_t i = 0; rowers != NULL && i < profile.source_count; i++) {
        rsi_rower_free(rowers[i]);
    }
    free(rowers);
    rsi_chunk_clear(&chunk);
    rsi_feed_free(feed);
    clear(&profile);
    return status;
}
