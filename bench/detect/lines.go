package main

import (
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
)

// readLines reads the JSON lines of all zips below dir.
func readLines(dir string) (lines [][]byte, size int64, err error) {
	var zips []string
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && strings.EqualFold(filepath.Ext(path), ".zip") {
			zips = append(zips, path)
		}
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	slices.Sort(zips)
	for _, path := range zips {
		data, err := unzip(path)
		if err != nil {
			return nil, 0, err
		}
		for line := range bytes.Lines(data) {
			// A line of NUL is a hole that a crash left, not a record.
			if line = bytes.Trim(line, " \t\r\n\x00"); len(line) > 0 {
				lines = append(lines, line)
				size += int64(len(line))
			}
		}
	}
	return lines, size, nil
}

func unzip(path string) ([]byte, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	var all []byte
	for _, f := range z.File {
		if !strings.EqualFold(filepath.Ext(f.Name), ".json") || strings.Contains(f.Name, "__MACOSX") {
			continue
		}
		in, err := f.Open()
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(in)
		in.Close()
		if err != nil {
			return nil, err
		}
		all = append(append(all, data...), '\n')
	}
	return all, nil
}

// decode makes the event of a line.
func decode(line []byte) (*event.Event, error) {
	events, err := read.Line(event.Source{Sensor: "file", Name: "bench"}, line, read.Hint{Seen: time.Unix(0, 0)})
	if err != nil || len(events) == 0 {
		return nil, err
	}
	return events[0], nil
}
