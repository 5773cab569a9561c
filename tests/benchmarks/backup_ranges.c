/*
 * Take WiredTiger's block-based incremental backup of a closed store, without copying anything.
 *
 * backup_ranges DIR ID SIZE        begin with a full backup named ID, with blocks of SIZE (such as 64KB)
 * backup_ranges DIR ID SIZE FROM   print the number of bytes that an increment since the backup FROM contains,
 *                                  without the log
 *
 * https://source.wiredtiger.com/develop/backup.html
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wiredtiger.h>

#define SETTINGS "create=false,log=(enabled=true,file_max=32MB,prealloc=false,remove=true)"

static void
check(int code)
{
    if (code != 0) {
        fprintf(stderr, "%s\n", wiredtiger_strerror(code));
        exit(1);
    }
}

/* Return the bytes of a file that have changed since the earlier backup. */
static uint64_t
changed(WT_SESSION *session, WT_CURSOR *backup, const char *file)
{
    WT_CURSOR *ranges;
    char settings[256];
    uint64_t offset, size, type, sum = 0;
    int code;

    snprintf(settings, sizeof(settings), "incremental=(file=%s)", file);
    check(session->open_cursor(session, NULL, backup, settings, &ranges));
    while ((code = ranges->next(ranges)) == 0) {
        check(ranges->get_key(ranges, &offset, &size, &type));
        sum += size;
    }
    if (code != WT_NOTFOUND)
        check(code);
    check(ranges->close(ranges));
    return (sum);
}

int
main(int count, char *words[])
{
    WT_CONNECTION *connection;
    WT_SESSION *session;
    WT_CURSOR *backup;
    const char *file;
    char settings[256];
    uint64_t sum = 0;
    int code;

    if (count < 4)
        return (2);
    check(wiredtiger_open(words[1], NULL, SETTINGS, &connection));
    check(connection->open_session(connection, NULL, NULL, &session));
    if (count > 4)
        snprintf(settings, sizeof(settings), "incremental=(enabled=true,this_id=%s,src_id=%s)", words[2], words[4]);
    else
        snprintf(settings, sizeof(settings), "incremental=(enabled=true,this_id=%s,granularity=%s)", words[2], words[3]);
    check(session->open_cursor(session, "backup:", NULL, settings, &backup));
    while ((code = backup->next(backup)) == 0 && count > 4) {
        check(backup->get_key(backup, &file));
        if (strncmp(file, "WiredTigerLog", strlen("WiredTigerLog")) != 0)
            sum += changed(session, backup, file);
    }
    if (code != WT_NOTFOUND)
        check(code);
    check(backup->close(backup));
    check(session->checkpoint(session, "force=true"));
    check(connection->close(connection, NULL));
    printf("%" PRIu64 "\n", sum);
    return (0);
}
