package main

import "context"

func growths(context.Context, size) (string, error) { return "", nil }
