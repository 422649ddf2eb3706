/* night_changes.c - what changed since the night before: two reports held against each other, and
 * against what people said of their rings.
 *
 * A ring's id is the same from night to night, and its event says what became of it; a ring of last
 * night that is none of tonight's, and that none of tonight's took in, went quiet.
 *
 * Memory: a line for each ring of either report. Cost: both reports are read once.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "cli/cases.h"
#include "cli/night.h"

const char *rsi_change_name(rsi_change change)
{
    static const char *const names[] = {
        [RSI_CHANGE_NEW] = "new",           [RSI_CHANGE_GREW] = "grew",
        [RSI_CHANGE_MERGED] = "merged",     [RSI_CHANGE_SPLIT] = "split",
        [RSI_CHANGE_RETURNED] = "returned", [RSI_CHANGE_SHRANK] = "shrank",
        [RSI_CHANGE_QUIET] = "quiet",       [RSI_CHANGE_SAME] = "same",
    };
    return names[change];
}

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (rings of the night)");
}

void rsi_changes_free(rsi_changes *changes)
{
    for (size_t i = 0; i < changes->ring_count; i++) {
        free(changes->rings[i].reason);
        free(changes->rings[i].from);
    }
    free(changes->rings);
    *changes = (rsi_changes){.ring_count = 0};
}

static char *copy_text(rs_text text)
{
    char *copy = malloc(text.length + 1);
    if (copy != NULL) {
        memcpy(copy, text.bytes, text.length);
        copy[text.length] = '\0';
    }
    return copy;
}

static rsi_change change_of(rs_text event)
{
    static const struct {
        const char *event;
        rsi_change change;
    } rows[] = {
        {"born", RSI_CHANGE_NEW},      {"grew", RSI_CHANGE_GREW},
        {"merged", RSI_CHANGE_MERGED}, {"split", RSI_CHANGE_SPLIT},
        {"shrank", RSI_CHANGE_SHRANK}, {"returned", RSI_CHANGE_RETURNED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (event.length == strlen(rows[i].event) &&
            memcmp(event.bytes, rows[i].event, event.length) == 0) {
            return rows[i].change;
        }
    }
    return RSI_CHANGE_SAME;
}

/* The rings that it comes from, as they stand in its line: "from":["R-...","R-..."]. */
static char *copy_from(rs_text line)
{
    static const char key[] = "\"from\":[";
    const char *at = memmem(line.bytes, line.length, key, sizeof key - 1);
    const char *end = at == NULL ? NULL : memchr(at, ']', line.length - (size_t)(at - line.bytes));
    return copy_text(end == NULL ? rsi_text("") : (rs_text){at, (size_t)(end - at)});
}

/* A ring as its report has it. The capacity is the next power of two. */
static rs_status add_ring(rsi_changes *all, const rs_cluster *cluster, rs_error *err)
{
    size_t count = all->ring_count;
    if (cluster->id.length >= sizeof all->rings->id) {
        return rs_fail(err, RS_ECORRUPT, "a ring's id of %zu bytes", cluster->id.length);
    }
    if ((count & (count - 1)) == 0) {
        rsi_changed_ring *grown = realloc(all->rings, (2 * count + 1) * sizeof *grown);
        if (grown == NULL) {
            return no_memory(err);
        }
        all->rings = grown;
    }
    rsi_changed_ring *ring = &all->rings[count];
    *ring = (rsi_changed_ring){.score = cluster->score,
                               .member_count = cluster->member_count,
                               .change = change_of(cluster->event),
                               .evidence = rsi_ring_evidence(cluster),
                               .from = copy_from(cluster->json)};
    memcpy(ring->id, cluster->id.bytes, cluster->id.length);
    ring->reason = copy_text(cluster->reason_count > 0 ? cluster->reasons[0].text : rsi_text(""));
    all->ring_count++;
    if (ring->reason == NULL || ring->from == NULL) {
        return no_memory(err);
    }
    return RS_OK;
}

static rs_status read_rings(rsi_changes *all, const char *store, const rs_run_id *run,
                            rs_error *err)
{
    rs_status status = RS_OK;
    rs_report *report = NULL;
    const rs_cluster *cluster = NULL;
    char *path = rs_run_path(store, run, RS_RUN_REPORT);
    if (path == NULL) {
        return no_memory(err);
    }
    RS_TRY(rs_report_open(&report, path, err));
    RS_TRY(rs_report_next(report, &cluster, err));
    while (cluster != NULL) {
        RS_TRY(add_ring(all, cluster, err));
        all->suspect_count += cluster->score >= RS_SUSPECT;
        RS_TRY(rs_report_next(report, &cluster, err));
    }
    all->now_count = all->ring_count;
done:
    rs_report_close(report);
    free(path);
    return status;
}

static int compare_ids(const void *a, const void *b)
{
    const rsi_changed_ring *const *one = a;
    const rsi_changed_ring *const *other = b;
    return strcmp((*one)->id, (*other)->id);
}

static rsi_changed_ring **sorted(const rsi_changes *all)
{
    rsi_changed_ring **rings = calloc(all->ring_count + 1, sizeof *rings);
    for (size_t i = 0; rings != NULL && i < all->ring_count; i++) {
        rings[i] = &all->rings[i];
    }
    if (rings != NULL) {
        qsort(rings, all->ring_count, sizeof *rings, compare_ids);
    }
    return rings;
}

/* One that is there tonight too. */
static void compare_rings(rsi_changed_ring *now, const rsi_changed_ring *before)
{
    now->score_before = before->score;
    now->member_count_before = before->member_count;
}

/* Whether a ring of tonight took it in: it is one of those that it comes from. */
static bool is_taken(const rsi_changes *now, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++) {
        if (now->rings[i].change == RSI_CHANGE_MERGED && strstr(now->rings[i].from, id) != NULL) {
            return true;
        }
    }
    return false;
}

/* Moved to the end of tonight's. */
static rs_status add_quiet(rsi_changes *all, rsi_changed_ring *before, rs_error *err)
{
    rs_status status = RS_OK;
    rs_cluster cluster = {.id = rsi_text(before->id), .json = rsi_text("")};
    RS_TRY(add_ring(all, &cluster, err));
    rsi_changed_ring *ring = &all->rings[all->ring_count - 1];
    char *reason = ring->reason;
    ring->change = RSI_CHANGE_QUIET;
    ring->score_before = before->score;
    ring->member_count_before = before->member_count;
    ring->evidence = before->evidence;
    ring->reason = before->reason;
    before->reason = reason;
done:
    return status;
}

static rs_status compare(rsi_changes *now, rsi_changes *before, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_changed_ring **index = sorted(now);
    size_t count = now->ring_count;
    bool *gone = calloc(before->ring_count + 1, sizeof *gone);
    if (index == NULL || gone == NULL) {
        status = no_memory(err);
        goto done;
    }
    for (size_t i = 0; i < before->ring_count; i++) {
        const rsi_changed_ring *key = &before->rings[i];
        rsi_changed_ring **found = bsearch(&key, index, count, sizeof *index, compare_ids);
        gone[i] = found == NULL;
        if (found != NULL) {
            compare_rings(*found, key);
        }
    }
    for (size_t i = 0; i < before->ring_count; i++) {
        if (gone[i] && !is_taken(now, count, before->rings[i].id)) {
            RS_TRY(add_quiet(now, &before->rings[i], err));
        }
    }
done:
    free(gone);
    free(index);
    return status;
}

rs_status rsi_changes_find(rsi_changes *changes, const char *store, const rsi_night *night,
                           rs_error *err)
{
    rs_status status = RS_OK;
    rsi_changes before = {.ring_count = 0};
    rs_run_info info;
    RS_TRY(rs_run_read(store, &night->run, &info, err));
    RS_TRY(read_rings(changes, store, &night->run, err));
    changes->as_of = info.as_of;
    if (night->last_run.text[0] != '\0') {
        status = read_rings(&before, store, &night->last_run, err);
        changes->compared = status == RS_OK;
        RS_TRY(status == RS_ENOTFOUND ? RS_OK : status); /* it was taken away */
        RS_TRY(compare(changes, &before, err));
        changes->before_count = before.now_count;
        changes->suspect_before_count = before.suspect_count;
    }
    for (size_t i = 0; i < changes->ring_count; i++) {
        changes->count[changes->rings[i].change]++;
    }
done:
    rsi_changes_free(&before);
    return status;
}

/* ---- what people said of them ---------------------------------------------------------------- */

typedef struct marking {
    rsi_changes *changes;
    rsi_changed_ring **index; /* by id */
} marking;

static rs_state state_of(rs_text name)
{
    for (int state = RS_STATE_NONE; state < RS_STATES; state++) {
        const char *known = rs_state_name((rs_state)state);
        if (name.length == strlen(known) && memcmp(name.bytes, known, name.length) == 0) {
            return (rs_state)state;
        }
    }
    return RS_STATE_NONE;
}

/* The last verdict on a case: of one of these rings, of another, or of a node (TYPE:ID). */
static rs_status take_verdict(void *context, const rs_verdict_line *line, rs_error *err)
{
    const marking *m = context;
    rsi_changed_ring ring = {.state = state_of(line->state)};
    const rsi_changed_ring *key = &ring;
    (void)err;
    if (memchr(line->subject.bytes, ':', line->subject.length) != NULL ||
        line->subject.length >= sizeof ring.id) {
        return RS_OK;
    }
    memcpy(ring.id, line->subject.bytes, line->subject.length);
    rsi_changed_ring **found =
        bsearch(&key, m->index, m->changes->ring_count, sizeof *m->index, compare_ids);
    m->changes->awaiting_count += ring.state == RS_STATE_CONFIRMED_ONCE;
    if (found != NULL) {
        (*found)->state = ring.state;
    }
    return RS_OK;
}

rs_status rsi_changes_mark(rsi_changes *changes, rs_ledger *ledger, rs_error *err)
{
    rs_status status = RS_OK;
    rs_standing now;
    marking m = {.changes = changes, .index = sorted(changes)};
    if (m.index == NULL) {
        return no_memory(err);
    }
    if (ledger != NULL) {
        RS_TRY(rs_ledger_verdicts(ledger, NULL, take_verdict, &m, err));
    }
    for (size_t i = 0; i < changes->ring_count; i++) {
        rsi_changed_ring *ring = &changes->rings[i];
        if (ring->state == RS_STATE_CLEARED) {
            RS_TRY(rs_ledger_standing(ledger, rsi_text(ring->id), ring->evidence, &now, err));
            ring->quiet = now.quiet;
        }
    }
done:
    free(m.index);
    return status;
}
