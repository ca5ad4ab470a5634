"""What wakes a target: streams, changed files, timers. Each only says that something may be out of date; none acts."""
