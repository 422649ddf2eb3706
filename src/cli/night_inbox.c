/* night_inbox.c - what came in, whether it is what usually comes, and taking it out of the inbox.
 *
 * A feed is a source of the mapping that reads files. Its size is its rows: the lines of its files,
 * unpacked, without the header of a CSV file; bytes would change with how a sender packs them.
 *
 * A file is taken by a rename to a folder of the night, before anything reads it in earnest: what a
 * sender puts into the inbox after that, be it under the same name, is of the next night.
 *
 * Cost: each file is unpacked once more than the ingest does.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/stream.h"
#include "base/try.h"
#include "cli/night.h"
#include "ingest/mapping.h"

enum { PIECE_BYTES = 1 << 20 };

/* The first night brings years, the next ones a day: two nights tell nothing of the third. */
enum { NIGHTS_KNOWN = 3 };

const char *rsi_feed_verdict_name(rsi_feed_verdict verdict)
{
    static const char *const names[] = {
        [RSI_FEED_FINE] = "fine",
        [RSI_FEED_MISSING] = "missing",
        [RSI_FEED_EMPTY] = "empty",
        [RSI_FEED_SMALL] = "small",
    };
    return names[verdict];
}

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (inbox)");
}

/* ---- the names ------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool ends_with(const char *name, const char *ending)
{
    size_t length = strlen(name);
    size_t tail = strlen(ending);
    return length > tail && strcmp(name + length - tail, ending) == 0;
}

/* Not hidden, not on its way in, a plain file. */
static bool is_delivered(int folder, const char *name)
{
    struct stat info;
    return name[0] != '.' && !ends_with(name, ".part") && !ends_with(name, ".tmp") &&
           fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode);
}

/* The capacity is the next power of two. */
static rs_status add_file(rsi_night *night, const char *name, rs_error *err)
{
    size_t count = night->file_count;
    if ((count & (count - 1)) == 0) {
        char **grown = realloc(night->files, (2 * count + 1) * sizeof *grown);
        if (grown == NULL) {
            return no_memory(err);
        }
        night->files = grown;
    }
    night->files[count] = strdup(name);
    if (night->files[count] == NULL) {
        return no_memory(err);
    }
    night->file_count++;
    return RS_OK;
}

static rs_status list_files(rsi_night *night, const char *inbox, const rsi_mapping *mapping,
                            uint64_t *foreign_count, rs_error *err)
{
    rs_status status = RS_OK;
    DIR *folder = opendir(inbox);
    if (folder == NULL) {
        return rs_fail(err, errno == ENOENT || errno == ENOTDIR ? RS_EUSAGE : RS_EIO,
                       "inbox \"%s\": %s", inbox, strerror(errno));
    }
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (!is_delivered(dirfd(folder), entry->d_name)) {
            continue;
        }
        if (rsi_mapping_match(mapping, entry->d_name) == SIZE_MAX) {
            ++*foreign_count;
        } else {
            RS_TRY(add_file(night, entry->d_name, err));
        }
    }
    if (night->file_count > 0) {
        qsort(night->files, night->file_count, sizeof *night->files, compare_names);
    }
done:
    closedir(folder);
    return status;
}

/* ---- the feeds ------------------------------------------------------------------------------- */

static rsi_night_feed *feed_named(rsi_night_feed *feeds, size_t count, const char *match)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(feeds[i].match, match) == 0) {
            return &feeds[i];
        }
    }
    return NULL;
}

/* Those of the mapping, with what they brought before. */
static rs_status make_feeds(rsi_night *night, const rsi_mapping *mapping, rs_error *err)
{
    size_t source_count = rsi_mapping_source_count(mapping);
    rsi_night_feed *feeds = calloc(source_count + 1, sizeof *feeds);
    size_t count = 0;
    if (feeds == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < source_count; i++) {
        const char *match = rsi_mapping_source(mapping, i)->match;
        if (match == NULL || feed_named(feeds, count, match) != NULL) {
            continue;
        }
        const rsi_night_feed *before = feed_named(night->feeds, night->feed_count, match);
        rsi_night_feed *feed = &feeds[count++];
        if (before != NULL) {
            memcpy(feed->before, before->before, sizeof feed->before);
            feed->before_count = before->before_count;
        }
        feed->match = strdup(match);
        if (feed->match == NULL) {
            break;
        }
    }
    for (size_t i = 0; i < night->feed_count; i++) {
        free(night->feeds[i].match);
    }
    free(night->feeds);
    night->feeds = feeds;
    night->feed_count = count;
    return count > 0 && feeds[count - 1].match == NULL ? no_memory(err) : RS_OK;
}

static bool is_json_lines(const rsi_source *source, const char *name)
{
    return source->format == RSI_FORMAT_JSONL ||
           (source->format == RSI_FORMAT_BY_NAME &&
            (strstr(name, ".jsonl") != NULL || strstr(name, ".ndjson") != NULL ||
             strstr(name, ".json") != NULL));
}

/* Lines of the file, unpacked; a last one without an end counts. */
static rs_status count_lines(const char *path, const rs_work *work, uint64_t *lines, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_stream *stream = NULL;
    size_t got = 0;
    char last = '\n';
    char *piece = malloc(PIECE_BYTES);
    if (piece == NULL) {
        return no_memory(err);
    }
    RS_TRY(rsi_stream_open(&stream, path, err));
    do {
        RS_TRY(rsi_stream_read(stream, piece, PIECE_BYTES, &got, err));
        for (const char *at = piece; (at = memchr(at, '\n', (size_t)(piece + got - at))) != NULL;
             at++) {
            ++*lines;
        }
        last = got > 0 ? piece[got - 1] : last;
        RS_TRY(rs_work_report(work, "feeds", "bytes", rsi_stream_consumed(stream),
                              rsi_stream_size(stream), err));
    } while (got == PIECE_BYTES);
    *lines += last != '\n';
done:
    rsi_stream_close(stream);
    free(piece);
    return status;
}

static rs_status count_file(rsi_night *night, const char *inbox, const char *name,
                            const rsi_mapping *mapping, const rs_work *work, rs_error *err)
{
    uint64_t lines = 0;
    char *path = NULL;
    const rsi_source *source = rsi_mapping_source(mapping, rsi_mapping_match(mapping, name));
    rsi_night_feed *feed = feed_named(night->feeds, night->feed_count, source->match);
    if (asprintf(&path, "%s/%s", inbox, name) < 0) {
        return no_memory(err);
    }
    rs_status status = count_lines(path, work, &lines, err);
    free(path);
    feed->file_count++;
    feed->rows += lines - (lines > 0 && !is_json_lines(source, name));
    return status;
}

/* ---- whether it is what usually comes -------------------------------------------------------- */

static int compare_counts(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a;
    uint64_t other = *(const uint64_t *)b;
    return (one > other) - (one < other);
}

uint64_t rsi_feed_usual(const rsi_night_feed *feed, uint64_t nights)
{
    uint64_t rows[RSI_FEED_NIGHTS_MAX];
    size_t count = feed->before_count < nights ? feed->before_count : (size_t)nights;
    if (count < (nights < NIGHTS_KNOWN ? nights : NIGHTS_KNOWN)) {
        return 0;
    }
    memcpy(rows, feed->before, count * sizeof *rows);
    qsort(rows, count, sizeof *rows, compare_counts);
    uint64_t low = rows[(count - 1) / 2];
    return low + (rows[count / 2] - low) / 2;
}

static bool is_optional(const char *match, const rsi_list *optional)
{
    for (size_t i = 0; i < optional->count; i++) {
        if (strcmp(match, optional->words[i]) == 0) {
            return true;
        }
    }
    return false;
}

static rsi_feed_verdict judge(const rsi_night_feed *feed, const rsi_inbox_options *options)
{
    uint64_t usual = rsi_feed_usual(feed, options->nights);
    if (feed->rows == 0) {
        return is_optional(feed->match, &options->optional) ? RSI_FEED_FINE
               : feed->file_count == 0                      ? RSI_FEED_MISSING
                                                            : RSI_FEED_EMPTY;
    }
    /* In doubles: a product of two counts may not fit. */
    return (double)feed->rows * 100 < (double)usual * (double)options->least_percent
               ? RSI_FEED_SMALL
               : RSI_FEED_FINE;
}

/* An optional feed that the mapping does not have is a typing error. */
static rs_status check_optional(const rsi_night *night, const rsi_list *optional, rs_error *err)
{
    for (size_t i = 0; i < optional->count; i++) {
        if (feed_named(night->feeds, night->feed_count, optional->words[i]) == NULL) {
            return rs_fail(err, RS_EUSAGE,
                           "--optional \"%s\": no source of the mapping has this "
                           "\"match\"",
                           optional->words[i]);
        }
    }
    return RS_OK;
}

rs_status rsi_inbox_look(rsi_night *night, const rsi_inbox_options *options, const rs_work *work,
                         uint64_t *foreign_count, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_mapping *mapping = NULL;
    *foreign_count = 0;
    RS_TRY(rsi_mapping_load(&mapping, options->mapping, err));
    RS_TRY(make_feeds(night, mapping, err));
    RS_TRY(check_optional(night, &options->optional, err));
    RS_TRY(list_files(night, options->inbox, mapping, foreign_count, err));
    for (size_t i = 0; i < night->file_count; i++) {
        RS_TRY(count_file(night, options->inbox, night->files[i], mapping, work, err));
    }
    for (size_t i = 0; i < night->feed_count; i++) {
        night->feeds[i].verdict = judge(&night->feeds[i], options);
    }
done:
    rsi_mapping_free(mapping);
    return status;
}

rs_status rsi_inbox_faults(const rsi_night *night, uint64_t nights, char **why, rs_error *err)
{
    char *text = NULL;
    size_t length = 0;
    size_t count = 0;
    FILE *stream = open_memstream(&text, &length);
    if (stream == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (feeds)");
    }
    for (size_t i = 0; i < night->feed_count; i++) {
        const rsi_night_feed *feed = &night->feeds[i];
        if (feed->verdict != RSI_FEED_FINE) {
            fprintf(stream, "%sfeed \"%s\" is %s", count++ > 0 ? "; " : "", feed->match,
                    rsi_feed_verdict_name(feed->verdict));
        }
        if (feed->verdict == RSI_FEED_SMALL) {
            fprintf(stream, ": %llu rows, usually %llu", (unsigned long long)feed->rows,
                    (unsigned long long)rsi_feed_usual(feed, nights));
        }
    }
    if (fclose(stream) != 0) {
        free(text);
        return rs_fail(err, RS_ENOMEM, "out of memory (feeds)");
    }
    *why = count > 0 ? text : NULL;
    if (count == 0) {
        free(text);
    }
    return RS_OK;
}

rs_status rsi_inbox_print(const rsi_night *night, uint64_t nights, FILE *out, rs_error *err)
{
    static const char *const heads[] = {"feed", "files", "rows", "usual", ""};
    char number[RSI_FORMAT_MAX];
    rsi_table *feeds = rsi_table_new("lrrrl");
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        rsi_table_cell(feeds, "%s", heads[i]);
    }
    for (size_t i = 0; i < night->feed_count; i++) {
        const rsi_night_feed *feed = &night->feeds[i];
        rsi_table_cell(feeds, "%s", feed->match);
        rsi_table_cell(feeds, "%s", rsi_format_count(number, feed->file_count));
        rsi_table_cell(feeds, "%s", rsi_format_count(number, feed->rows));
        rsi_table_cell(feeds, "%s", rsi_format_count(number, rsi_feed_usual(feed, nights)));
        rsi_table_cell(feeds, "%s", rsi_feed_verdict_name(feed->verdict));
    }
    rs_status status = rsi_table_print(feeds, out, 2, err);
    rsi_table_free(feeds);
    return status;
}

/* ---- taking ---------------------------------------------------------------------------------- */

char *rsi_inbox_folder(const char *inbox, const char *date)
{
    char *path = NULL;
    return asprintf(&path, "%s/nights/%s", inbox, date) < 0 ? NULL : path;
}

static rs_status make_folder(const char *path, rs_error *err)
{
    return mkdir(path, 0777) == 0 || errno == EEXIST
               ? RS_OK
               : rs_fail(err, RS_EIO, "make folder \"%s\": %s", path, strerror(errno));
}

/* Whatever has that name in the inbox once the night has its file came later, and stays. */
static rs_status take_file(int from, int to, const char *name, rs_error *err)
{
    if (faccessat(to, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
        renameat(from, name, to, name) == 0) {
        return RS_OK;
    }
    return errno == ENOENT
               ? rs_fail(err, RS_EINPUT, "\"%s\" was there when the night began, and is gone", name)
               : rs_fail(err, RS_EIO, "take \"%s\": %s", name, strerror(errno));
}

rs_status rsi_inbox_take(const rsi_night *night, const char *inbox, rs_error *err)
{
    rs_status status = RS_OK;
    int from = -1;
    int to = -1;
    char *all = NULL;
    char *folder = rsi_inbox_folder(inbox, night->date);
    if (folder == NULL || asprintf(&all, "%s/nights", inbox) < 0) {
        free(folder);
        return no_memory(err);
    }
    RS_TRY(make_folder(all, err));
    RS_TRY(make_folder(folder, err));
    from = open(inbox, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    to = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (from < 0 || to < 0) {
        status = rs_fail(err, RS_EIO, "open \"%s\": %s", folder, strerror(errno));
        goto done;
    }
    for (size_t i = 0; i < night->file_count; i++) {
        RS_TRY(take_file(from, to, night->files[i], err));
    }
    RS_TRY(rsi_sync(to, err));
    RS_TRY(rsi_sync(from, err));
done:
    if (from >= 0) {
        close(from);
    }
    if (to >= 0) {
        close(to);
    }
    free(all);
    free(folder);
    return rs_context(err, status, "inbox \"%s\"", inbox);
}
