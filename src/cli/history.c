/* history.c - `ringscope history`: a ring's life, night by night, as the runs that a store keeps
 * tell it.
 *
 * From the night that looks furthest back to the earliest: each read its own past, so the nights
 * are those that tomorrow's run builds on, and no experiment beside them. Who joined and who left
 * is told against the night before.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/ringid.h"
#include "base/try.h"
#include "cli/cli.h"
#include "feedback/track_state.h"
#include "report/lineage.h"

enum { FORMAT_TEXT, FORMAT_JSON, SHOWN_MAX = 5 };

typedef struct options {
    int format;
} options;

static const rsi_option table[] = {
    {.name = "format",
     .value = RSI_CHOICE,
     .argument = "text|json",
     .offset = offsetof(options, format),
     .help = "a table for a person, or one JSON object with all who joined and left; default text"},
    {0},
};

/* What the store's nights left, the earliest first. */
typedef struct nights {
    rsi_track_state *states;
    size_t count;
} nights;

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (nights)");
}

static void free_nights(nights *all)
{
    for (size_t i = 0; i < all->count; i++) {
        rsi_track_state_free(&all->states[i]);
    }
    free(all->states);
}

static rs_status read_nights(const char *store_path, nights *all, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer bytes = {0};
    rsi_kept_night night = {.settings = ""};
    bool found = true;
    int64_t as_of = INT64_MAX;
    for (;;) {
        char settings[33];
        memcpy(settings, night.settings, sizeof settings);
        RS_TRY(rsi_kept_night_before(store_path, as_of, settings, &night, &found, err));
        if (!found) {
            break;
        }
        rsi_track_state *grown = realloc(all->states, (all->count + 1) * sizeof *grown);
        if (grown == NULL) {
            status = no_memory(err);
            goto done;
        }
        all->states = grown;
        RS_TRY(rsi_kept_night_read(store_path, &night, &bytes, err));
        RS_TRY(rs_context(err, rsi_track_decode(bytes.bytes, bytes.length, &grown[all->count], err),
                          "run %s: %s", night.run.text, rsi_run_file_name(night.file)));
        all->count++;
        as_of = night.as_of;
    }
    for (size_t i = 0; i < all->count / 2; i++) {
        rsi_track_state one = all->states[i];
        all->states[i] = all->states[all->count - 1 - i];
        all->states[all->count - 1 - i] = one;
    }
done:
    rsi_buffer_free(&bytes);
    return status;
}

/* ---- who came and went ----------------------------------------------------------------------- */

/* The members of a ring on one night and on the night before; either may be none. */
typedef struct members {
    const rsi_track_state *state;
    const rsi_track_ring *ring;
} members;

static bool has_member(const members *who, const char *type, const rsi_track_member *member)
{
    for (size_t i = 0; who->ring != NULL && i < who->ring->member_count; i++) {
        const rsi_track_member *one = &who->state->members[who->ring->member_first + i];
        if (one->length == member->length && memcmp(one->id, member->id, one->length) == 0 &&
            strcmp(who->state->types[one->type], type) == 0) {
            return true;
        }
    }
    return false;
}

/* Print those of `some` that are not among `others`: all as JSON, or, behind `label`, the first of
 * them on a line, if there are any. */
static void print_new(FILE *out, const members *some, const members *others, const char *label)
{
    size_t count = 0;
    for (size_t i = 0; some->ring != NULL && i < some->ring->member_count; i++) {
        const rsi_track_member *one = &some->state->members[some->ring->member_first + i];
        const char *type = some->state->types[one->type];
        if (has_member(others, type, one)) {
            continue;
        }
        count++;
        if (label == NULL) {
            fputs(count > 1 ? ",{\"type\":" : "{\"type\":", out);
            rsi_print_json_text(out, rsi_text(type));
            fputs(",\"id\":", out);
            rsi_print_json_text(out, (rs_text){one->id, one->length});
            fputc('}', out);
        } else if (count <= SHOWN_MAX) {
            fputs(count > 1 ? ", " : label, out);
            rsi_print_text(out, rsi_text(type));
            fputc(':', out);
            rsi_print_text(out, (rs_text){one->id, one->length});
        }
    }
    if (label != NULL && count > SHOWN_MAX) {
        fprintf(out, " and %zu more", count - SHOWN_MAX);
    }
    if (label != NULL && count > 0) {
        fputc('\n', out);
    }
}

/* ---- nights ---------------------------------------------------------------------------------- */

static const char *event_name(const rsi_track_ring *ring)
{
    return ring->event == RS_RING_DIED && ring->into.text[0] != '\0'
               ? "merged"
               : rs_ring_event_name(ring->event);
}

static void print_night_json(FILE *out, const members *now, const members *before, bool first)
{
    const rsi_track_ring *ring = now->ring;
    bool lives = rsi_track_lives(ring);
    members nobody = {.ring = NULL};
    fputs(first ? "\n{\"event\":" : ",\n{\"event\":", out);
    rsi_print_json_text(out, rsi_text(event_name(ring)));
    rsi_print_json_time(out, "as_of", now->state->as_of);
    fprintf(out, ",\"members\":%zu,\"score\":%.6f,\"from\":[", lives ? ring->member_count : 0,
            ring->score / 1e6);
    for (size_t i = 0; i < ring->from_count; i++) {
        fprintf(out, "%s\"%s\"", i > 0 ? "," : "", now->state->from[ring->from_first + i].text);
    }
    fputs("],\"into\":", out);
    fprintf(out, ring->into.text[0] != '\0' ? "\"%s\"" : "null%s", ring->into.text);
    fputs(",\"joined\":[", out);
    print_new(out, lives ? now : &nobody, before, NULL);
    fputs("],\"left\":[", out);
    print_new(out, before, lives ? now : &nobody, NULL);
    fputs("]}", out);
}

static void print_night(FILE *out, const members *now, const members *before)
{
    char time[RSI_FORMAT_MAX];
    const rsi_track_ring *ring = now->ring;
    bool lives = rsi_track_lives(ring);
    fprintf(out, "%s  %s", rsi_format_time(time, now->state->as_of), event_name(ring));
    if (!lives) {
        fprintf(out, ring->into.text[0] != '\0' ? " into %s\n" : "%s\n", ring->into.text);
        return;
    }
    fprintf(out, ", %zu members, score %.3f\n", ring->member_count, ring->score / 1e6);
    for (size_t i = 0; i < ring->from_count; i++) {
        const char *from = now->state->from[ring->from_first + i].text;
        if (strcmp(from, ring->id.text) != 0) {
            fprintf(out, "    from    %s\n", from);
        }
    }
    if (before->ring == NULL) {
        return;
    }
    print_new(out, now, before, "    joined  ");
    print_new(out, before, now, "    left    ");
}

/* A ring that is gone is told of on the night it went, and again once it is back. */
static rs_status print_life(const rsi_call *call, const nights *all, const char *id, rs_error *err)
{
    const options *chosen = call->options;
    members before = {.ring = NULL};
    size_t told = 0;
    for (size_t i = 0; i < all->count; i++) {
        members now = {&all->states[i], rsi_track_find(&all->states[i], id)};
        if (now.ring == NULL || (!rsi_track_lives(now.ring) && before.ring == NULL && told > 0)) {
            before.ring = NULL;
            continue;
        }
        if (told == 0) {
            fprintf(call->out,
                    chosen->format == FORMAT_JSON ? "{\"ring\":\"%s\",\"nights\":[" : "ring %s\n",
                    id);
        }
        if (chosen->format == FORMAT_JSON) {
            print_night_json(call->out, &now, &before, told == 0);
        } else {
            print_night(call->out, &now, &before);
        }
        told++;
        before = rsi_track_lives(now.ring) ? now : (members){.ring = NULL};
    }
    if (told > 0 && chosen->format == FORMAT_JSON) {
        fputs("]}\n", call->out);
    }
    return told > 0
               ? RS_OK
               : rs_fail(err, RS_ENOTFOUND, "no night that the store keeps knows ring \"%s\"", id);
}

static rs_status run(rsi_call *call, rs_error *err)
{
    rs_status status = RS_OK;
    rs_store *store = NULL;
    nights all = {.count = 0};
    char id[RSI_RING_ID_LENGTH + 1];
    RS_TRY(rsi_open_store(&store, call->words[0], err));
    if (!rsi_ring_id_read(rsi_text(call->words[1]), id)) {
        status = rs_fail(err, RS_EUSAGE, "\"%.40s\": a ring was expected, as R-1hgbvs0939gs0",
                         call->words[1]);
        goto done;
    }
    RS_TRY(read_nights(call->words[0], &all, err));
    RS_TRY(print_life(call, &all, id, err));
done:
    free_nights(&all);
    rs_store_close(store);
    return status;
}

const rsi_command rsi_command_history = {
    .name = "history",
    .summary = "print a ring's life, night by night",
    .words = "STORE RING [options]",
    .about =
        "What became of RING on each night whose run STORE keeps: its event, members and score, "
        "who joined\nand who left since the night before, which rings it came from or went into.",
    .word_min = 2,
    .word_max = 2,
    .options = table,
    .options_size = sizeof(options),
    .run = run,
};
