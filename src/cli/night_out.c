/* night_out.c - OUT: the folder of a night, the pointer to the last one done, and rotation.
 *
 *     OUT/DATE/report.json, report.run.json, risks.csv, summary.md, summary.json[, rejects.csv]
 *     OUT/latest -> DATE         of the last night done
 *     OUT/outbox.jsonl           what other systems are told (src/feedback/outbox.c); only grows
 *     OUT/metrics.prom           of the last attempt, unless --metrics names another place
 *
 * Each file is put in place whole; `latest` moves when all of them are there.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/try.h"
#include "cli/night.h"

enum { NIGHTS_MAX = 1 << 20 };

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (outputs)");
}

char *rsi_out_path(const char *out, const char *date, const char *name)
{
    char *path = NULL;
    return asprintf(&path, "%s/%s/%s", out, date, name) < 0 ? NULL : path;
}

/* What a process that was killed left of its own files. */
void rsi_out_sweep(const char *path)
{
    DIR *folder = opendir(path);
    for (const struct dirent *entry = folder != NULL ? readdir(folder) : NULL; entry != NULL;
         entry = readdir(folder)) {
        size_t length = strlen(entry->d_name);
        if (entry->d_name[0] == '.' && length > 4 &&
            strcmp(entry->d_name + length - 4, ".tmp") == 0) {
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
}

rs_status rsi_out_make(const char *out, const char *date, rs_error *err)
{
    rs_status status = RS_OK;
    char *path = rsi_out_path(out, date, "");
    if (path == NULL) {
        return no_memory(err);
    }
    if ((mkdir(out, 0777) != 0 && errno != EEXIST) || (mkdir(path, 0777) != 0 && errno != EEXIST)) {
        status = rs_fail(err, RS_EIO, "make folder \"%s\": %s", path, strerror(errno));
    }
    rsi_out_sweep(path);
    free(path);
    return status;
}

/* A link can be put in the place of another only by a rename. */
rs_status rsi_out_point(const char *out, const char *date, rs_error *err)
{
    static const char temporary[] = ".latest.tmp";
    rs_status status = RS_OK;
    int folder = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        return rs_fail(err, RS_EIO, "open \"%s\": %s", out, strerror(errno));
    }
    (void)unlinkat(folder, temporary, 0);
    if (symlinkat(date, folder, temporary) != 0 ||
        renameat(folder, temporary, folder, "latest") != 0) {
        status = rs_fail(err, RS_EIO, "\"%s/latest\": %s", out, strerror(errno));
        goto done;
    }
    RS_TRY(rsi_sync(folder, err));
done:
    close(folder);
    return status;
}

/* ---- rotation -------------------------------------------------------------------------------- */

bool rsi_is_date(const char *text)
{
    return strlen(text) == RSI_DATE_ROOM - 1 && strspn(text, "0123456789") == 4 && text[4] == '-' &&
           strspn(text + 5, "0123456789") == 2 && text[7] == '-' &&
           strspn(text + 8, "0123456789") == 2;
}

static int compare_dates(const void *a, const void *b)
{
    return strcmp(b, a); /* the latest first */
}

/* Only what nights write; a folder in which somebody put something else stays, with that. */
static void remove_night(int out, const char *date)
{
    static const char *const names[] = {"report.json",  "report.run.json", "risks.csv",
                                        "summary.json", "summary.md",      "rejects.csv",
                                        "warnings.csv", "warnings.json"};
    int folder = openat(out, date, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    for (size_t i = 0; folder >= 0 && i < sizeof names / sizeof *names; i++) {
        (void)unlinkat(folder, names[i], 0);
    }
    if (folder >= 0) {
        close(folder);
    }
    (void)unlinkat(out, date, AT_REMOVEDIR);
}

static rs_status list_nights(DIR *folder, char (**dates)[RSI_DATE_ROOM], size_t *count,
                             rs_error *err)
{
    for (const struct dirent *entry = readdir(folder); entry != NULL && *count < NIGHTS_MAX;
         entry = readdir(folder)) {
        if (!rsi_is_date(entry->d_name)) {
            continue;
        }
        if ((*count & (*count - 1)) == 0) {
            char(*grown)[RSI_DATE_ROOM] = realloc(*dates, (2 * *count + 1) * sizeof *grown);
            if (grown == NULL) {
                return no_memory(err);
            }
            *dates = grown;
        }
        memcpy((*dates)[(*count)++], entry->d_name, RSI_DATE_ROOM);
    }
    return RS_OK;
}

rs_status rsi_out_rotate(const char *out, uint64_t keep, rs_error *err)
{
    rs_status status = RS_OK;
    char(*dates)[RSI_DATE_ROOM] = NULL;
    size_t count = 0;
    DIR *folder = opendir(out);
    if (folder == NULL) {
        return rs_fail(err, RS_EIO, "list \"%s\": %s", out, strerror(errno));
    }
    RS_TRY(list_nights(folder, &dates, &count, err));
    if (count > 0) {
        qsort(dates, count, sizeof *dates, compare_dates);
    }
    for (size_t i = (size_t)keep; i < count; i++) {
        remove_night(dirfd(folder), dates[i]);
    }
done:
    closedir(folder);
    free(dates);
    return status;
}
