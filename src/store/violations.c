/* violations.c - the invariants by id, and the list of those that do not hold.
 *
 * Messages of damage carry the id of the invariant they speak of ("S-05: "), wherever contexts have
 * put it; the list keeps it apart, so that a program need not look for it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/violations.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* docs/FORMAT.md has the same table; tests/meta holds one against the other. */
static const rs_invariant invariants[] = {
    {"S-01", "the manifest has its form, its numbers refer to what is there, its digest matches"},
    {"S-02", "every file that the manifest names is there, with the size it names"},
    {"S-03", "header, index and footer match their checksums, the kind and the identity"},
    {"S-04", "the digest of every file is the one in the manifest"},
    {"S-05", "every block matches its checksum"},
    {"S-06", "every block unpacks to what its note promises"},
    {"S-07", "dictionary parts of a type hold numbers 0 to node count - 1 without gap; first ids "
             "of blocks ascend"},
    {"S-08", "no id of a type comes twice, within or across parts; ids of a part ascend"},
    {"S-09", "edges ascend; sources and targets are below their types' node counts"},
    {"S-10", "edge counts and times of the manifest are those of the segments"},
    {"S-11", "values ascend by node, nodes exist, counts match"},
    {"S-12", "rows files have the blocks and edges of their segments and name known input files"},
    {"S-13", "a batch that was merged names a home, which is a batch that was not"},
    {"S-14",
     "the numbers of a part are each one id's, and a permuted part names the block of each"},
    {"S-15", "a reverse file holds each pair of its segment once, by target"},
    {"R-01", "runs/latest names a run that is there"},
    {"R-02", "the sidecar of a run has its form, its digest matches, and it names its run"},
    {"R-03", "every file of a run has the size and the digest that its sidecar names"},
    {"L-01", "lists.sqlite, where it is there or a run has read it, is a database that is whole"},
    {"L-02", "its audit trail holds: every line in its place, up to the last that a run has seen"},
};

size_t rs_invariant_count(void)
{
    return sizeof invariants / sizeof *invariants;
}

rs_invariant rs_invariant_at(size_t index)
{
    return invariants[index];
}

void rs_violations_free(rs_violations *list)
{
    for (size_t i = 0; i < list->kept_count; i++) {
        free(list->kept[i].file);
        free(list->kept[i].text);
    }
    free(list->kept);
    *list = (rs_violations){0};
}

/* The capacity is the next power of two: grown where the count is one. */
static rs_status make_room(rs_violations *list, rs_error *err)
{
    size_t used = list->kept_count;
    if ((used & (used - 1)) == 0) {
        rs_violation *kept = realloc(list->kept, (2 * used + 1) * sizeof *kept);
        if (kept == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu violations)", used);
        }
        list->kept = kept;
    }
    return RS_OK;
}

static rs_status keep(rs_violations *list, const char *id, const char *file, const char *text,
                      rs_error *err)
{
    list->count++;
    if (list->kept_count == RS_VIOLATIONS_KEPT) {
        return RS_OK;
    }
    rs_status status = make_room(list, err);
    if (status != RS_OK) {
        return status;
    }
    rs_violation one = {.file = strdup(file != NULL ? file : ""), .text = strdup(text)};
    snprintf(one.id, sizeof one.id, "%s", id);
    if (one.file == NULL || one.text == NULL) {
        free(one.file);
        free(one.text);
        return rs_fail(err, RS_ENOMEM, "out of memory (a violation)");
    }
    list->kept[list->kept_count++] = one;
    return RS_OK;
}

rs_status rsi_violation(rs_violations *list, const char *id, const char *file, rs_error *err,
                        const char *format, ...)
{
    char text[sizeof err->message];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return keep(list, id, file, text, err);
}

/* Where the message names an invariant ("S-05: "), or NULL. */
static const char *named_in(const char *message)
{
    for (size_t i = 0; i < sizeof invariants / sizeof *invariants; i++) {
        const char *at = strstr(message, invariants[i].id);
        if (at != NULL && strncmp(at + strlen(invariants[i].id), ": ", 2) == 0) {
            return at;
        }
    }
    return NULL;
}

rs_status rsi_violation_note(rs_violations *list, const char *id, const char *file,
                             rs_status status, const rs_error *found, rs_error *err)
{
    char named[8];
    if (status == RS_OK) {
        return RS_OK;
    }
    if (status != RS_ECORRUPT) {
        if (err != NULL) {
            *err = *found;
        }
        return status;
    }
    char text[sizeof found->message];
    const char *at = named_in(found->message);
    size_t before = at != NULL ? (size_t)(at - found->message) : 0;
    snprintf(named, sizeof named, "%.4s", at != NULL ? at : id);
    memcpy(text, found->message, sizeof text);
    if (at != NULL) {
        const char *rest = at + strlen("S-00: ");
        memmove(text + before, text + (rest - found->message), strlen(rest) + 1);
    }
    return keep(list, named, file, text, err);
}
